// The provider's SDK alone, as its documentation uses it, with kept-alive connections: CPU time a message.
// node infra/bench/peers/sdk.mjs <url> <account> <token> <from> <messages> <warm-up> <status callback>
import { createRequire } from 'node:module';
import http from 'node:http';

// It is a dependency of the package that wraps it.
const require = createRequire(new URL('../../../packages/twilio-gateway/package.json', import.meta.url));
const twilio = require('twilio');

const [url, account, token, from, messages, warmUp, statusCallback] = process.argv.slice(2);
const CONCURRENCY = 50;
const host = new URL(url ?? '').host;

class LoopbackClient extends twilio.RequestClient {
  constructor() {
    super({ timeout: 10_000 });
    this.axios.defaults.httpAgent = new http.Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  }
  request(options) {
    const target = new URL(options.uri);
    target.protocol = 'http:';
    target.host = host;
    return super.request({ ...options, uri: target.href });
  }
}
const sdk = twilio(account, token, { httpClient: new LoopbackClient() });

async function send(count) {
  let next = 0;
  const cpu = process.cpuUsage();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (next < count) {
        const n = next++;
        await sdk.messages.create({
          from,
          to: `whatsapp:+9665${String(n).padStart(8, '0')}`,
          body: `Your order ${n} is ready for pick-up`,
          statusCallback: `${statusCallback}?message=${n}`,
          validityPeriod: 14_400,
        });
      }
    }),
  );
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / count;
}

await send(Number(warmUp));
console.log(JSON.stringify({ usPerMessage: await send(Number(messages)) }));
process.exit(0);
