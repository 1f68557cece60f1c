// A bare fastify route that parses a body and publishes one record through the same producer as ingress: the same bytes each time,
// nobody is asked who it is, nothing is validated, logged or counted. Its first line is its port.
// node infra/bench/peers/bare-route.mjs <file: {brokers, topic, partitions, value, headers}>
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createPublisher } from '@mersal/kafka';

// A dependency of the service that it is compared with.
const { fastify } = createRequire(new URL('../../../apps/ingress/package.json', import.meta.url))('fastify');

const { brokers, topic, partitions, key, value, headers } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const complain = (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const publisher = await createPublisher({
  connection: {
    brokers,
    clientId: 'bare-route',
    logger: { debug: () => {}, info: () => {}, warn: complain, error: complain },
  },
  deadlineMs: 5_000,
});
const bytes = Buffer.from(value);
let n = 0;
const app = fastify();
app.post('/send', async (_request, reply) => {
  n += 1;
  await publisher.publish([{ topic, partition: n % partitions, key, value: bytes, headers }], {
    deadlineMs: 5_000,
  });
  return reply.code(202).send({ id: headers.id, status: 'queued' });
});
await app.listen({ host: '127.0.0.1', port: 0 });
console.log(app.server.address().port);
process.once('SIGTERM', () => void app.close().then(() => publisher.close()));
