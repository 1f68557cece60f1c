// CPU time a message: this gateway against the SDK used as it comes, in alternating rounds against one simulator.
// Each way runs in processes of its own, so that neither pays for the other's hooks.
// Run after the build: node packages/twilio-gateway/bench/send-cpu.mjs [messages a round] [rounds]
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import http from 'node:http';
import twilio from 'twilio';
import { createTwilioGateway } from '../dist/index.js';

const perRound = Number(process.argv[2] ?? 2_000);
const rounds = Number(process.argv[3] ?? 5);
const concurrency = 10;
const account = { accountSid: `AC${'a'.repeat(32)}`, authToken: 'bench' };

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
if (process.argv[4] === undefined) {
  const results = { sdk: [], gateway: [] };
  for (let n = 0; n < rounds; n += 1) {
    for (const way of Object.keys(results)) {
      const output = execFileSync(process.execPath, [process.argv[1], String(perRound), '1', way]);
      results[way].push(JSON.parse(output.toString()));
    }
  }
  const summary = Object.fromEntries(
    Object.entries(results).map(([way, list]) => [
      way,
      {
        usPerMessage: Math.round(median(list.map((r) => r.usPerMessage))),
        perSecond: Math.round(median(list.map((r) => r.perSecond))),
      },
    ]),
  );
  const ratio = summary.gateway.usPerMessage / summary.sdk.usPerMessage;
  console.log(JSON.stringify({ perRound, rounds, concurrency, ...summary, ratio }, null, 2));
  process.exit(0);
}

const main = fileURLToPath(new URL('../../../apps/twilio-simulator/dist/main.js', import.meta.url));
const simulator = spawn(process.execPath, [main], {
  env: { ...process.env, PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const url = await new Promise((resolve) => {
  createInterface({ input: simulator.stdout }).on('line', (line) => {
    const found = /"url":"([^"]+)"/.exec(line);
    if (found) resolve(found[1]);
  });
});
await fetch(`${url}/_simulator/accounts`, {
  method: 'POST',
  body: JSON.stringify({ ...account, numbers: ['+14155238886'] }),
});

class LoopbackClient extends twilio.RequestClient {
  constructor() {
    super({ timeout: 10_000 });
    this.axios.defaults.httpAgent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  }
  request(options) {
    const target = new URL(options.uri);
    target.protocol = 'http:';
    target.host = new URL(url).host;
    return super.request({ ...options, uri: target.href });
  }
}
const sdk = twilio(account.accountSid, account.authToken, { httpClient: new LoopbackClient() });
const gateway = createTwilioGateway({ baseUrl: url, timeoutMs: 10_000, maxSockets: 20 });
const message = (n) => ({
  from: 'whatsapp:+14155238886',
  to: `whatsapp:+9665${String(n).padStart(8, '0')}`,
  body: 'Your order is ready!',
});
const ways = {
  sdk: (n) => sdk.messages.create({ ...message(n) }),
  gateway: async (n) => {
    const outcome = await gateway.send(account, { ...message(n), statusCallback: '' });
    if (outcome.class !== 'accepted') throw new Error(outcome.message);
  },
};

async function round(send) {
  let next = 0;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < perRound) await send(next++);
    }),
  );
  const { user, system } = process.cpuUsage(cpu);
  return {
    usPerMessage: (user + system) / perRound,
    perSecond: perRound / ((performance.now() - startedAt) / 1_000),
  };
}

const send = ways[process.argv[4]];
await round(send);
console.log(JSON.stringify(await round(send)));
await gateway.close();
simulator.kill('SIGTERM');
await new Promise((resolve) => simulator.once('exit', resolve));
process.exit(0);
