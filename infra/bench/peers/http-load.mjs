// Requests over kept-alive connections, as cheap to make as can be: bytes that are ready beforehand, one request at a time on
// each connection. A stream with a rate has its requests at their times, whatever the answers do, and its latencies count from
// those times, so that a server that stalls is not asked more slowly; one with connections asks anew with each answer.
// node infra/bench/peers/http-load.mjs <file: {host, port, warmUpSeconds, seconds, streams: [{name, rate | connections, expect, requests: [{path, headers, body}]}]}>
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const { host, port, warmUpSeconds, seconds, streams } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const MOST_CONNECTIONS = 1_000;

/** @param {{path: string, headers: Record<string, string>, body: string}} request */
function bytesOf({ path, headers, body }) {
  const lines = Object.entries({
    host: `${host}:${port}`,
    ...headers,
    'content-length': Buffer.byteLength(body),
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n${body}`);
}

class Connection {
  #socket = connect({ host, port, noDelay: true });
  #got = Buffer.alloc(0);
  #answered;
  #failed;

  constructor() {
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', (error) => this.#failed?.(error));
    this.#socket.on('close', () => this.#failed?.(new Error('the connection was closed')));
  }

  /** @returns {Promise<number>} the status */
  ask(bytes) {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(bytes);
    });
  }

  close() {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  #read(chunk) {
    this.#got = this.#got.length === 0 ? chunk : Buffer.concat([this.#got, chunk]);
    const end = this.#got.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#got.toString('latin1', 0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#got.length < end + 4 + length) return;
    this.#got = Buffer.alloc(0);
    this.#failed = undefined;
    this.#answered(Number(head.slice(9, 12)));
  }
}

class Stream {
  #idle = [];
  #all = [];
  #next = 0;
  constructor(spec) {
    this.spec = spec;
    this.requests = spec.requests.map(bytesOf);
    this.reset();
  }

  reset() {
    this.latencies = [];
    this.statuses = {};
  }

  async #one(connection, dueAt) {
    const { latencies, statuses } = this;
    const status = await connection.ask(this.requests[this.#next++ % this.requests.length]);
    latencies.push(performance.now() - dueAt);
    statuses[status] = (statuses[status] ?? 0) + 1;
  }

  #open() {
    if (this.#all.length >= MOST_CONNECTIONS)
      throw new Error(`${this.spec.name}: ${MOST_CONNECTIONS} unanswered`);
    const connection = new Connection();
    this.#all.push(connection);
    return connection;
  }

  async #atRate(forMs) {
    const startedAt = performance.now();
    const total = Math.floor((forMs / 1_000) * this.spec.rate);
    const under = [];
    for (let n = 0; n < total; ) {
      const due = startedAt + (n * 1_000) / this.spec.rate;
      const wait = due - performance.now();
      if (wait > 0.5) await new Promise((next) => setTimeout(next, wait));
      while (n < total && startedAt + (n * 1_000) / this.spec.rate <= performance.now()) {
        const connection = this.#idle.pop() ?? this.#open();
        under.push(
          this.#one(connection, startedAt + (n * 1_000) / this.spec.rate).then(() =>
            this.#idle.push(connection),
          ),
        );
        n += 1;
      }
    }
    await Promise.all(under);
  }

  async #closedLoop(connections, forMs) {
    const until = performance.now() + forMs;
    while (this.#all.length < connections) this.#open();
    this.#idle = [...this.#all];
    await Promise.all(
      this.#all.map(async (connection) => {
        while (performance.now() < until) await this.#one(connection, performance.now());
      }),
    );
  }

  /** What has just started is not asked at once as much as it can answer once it is warm. */
  warmUp(forMs) {
    return this.#closedLoop(this.spec.connections ?? 10, forMs);
  }

  run(forMs) {
    return this.spec.rate === undefined
      ? this.#closedLoop(this.spec.connections, forMs)
      : this.#atRate(forMs);
  }

  close() {
    for (const connection of this.#all) connection.close();
  }
}

const running = streams.map((spec) => new Stream(spec));
await Promise.all(running.map((stream) => stream.warmUp(warmUpSeconds * 1_000)));
for (const stream of running) stream.reset();
const startedAt = performance.now();
const cpu = process.cpuUsage();
await Promise.all(running.map((stream) => stream.run(seconds * 1_000)));
const took = (performance.now() - startedAt) / 1_000;
const { user, system } = process.cpuUsage(cpu);
for (const stream of running) stream.close();
const results = running.map(({ spec, latencies, statuses }) => {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  const strange = Object.entries(statuses).filter(([status]) => Number(status) !== spec.expect);
  return {
    name: spec.name,
    answered: sorted.length,
    perSecond: sorted.length / took,
    p50: at(0.5),
    p99: at(0.99),
    slowest: sorted.at(-1),
    strange: Object.fromEntries(strange),
  };
});
console.log(JSON.stringify({ streams: results, clientCores: (user + system) / 1e6 / took }));
