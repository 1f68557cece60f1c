const { strict: assert } = require('node:assert');
const { createServer } = require('node:http');

/** Uses both packages with nothing but themselves: no Kafka, Redis or Postgres; an ingress that answers with 202. */
exports.check = async (both) => {
  assert.equal(both.hashData({ b: 1, a: 2 }), both.hashData({ a: 2, b: 1 }));
  let created = 0;
  const creator = async () => {
    created += 1;
    return `HX${'0'.repeat(32)}`;
  };
  for (let n = 0; n < 2; n += 1) await both.getCachedContentSid('order_ready', creator);
  assert.equal(created, 1);
  assert.equal(both.getCacheMetrics().hits, 1);
  await both.closeTemplateCache();

  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(202, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ id: 'm1', status: 'queued' }));
  });
  await new Promise((up) => server.listen(0, '127.0.0.1', up));
  const url = `http://127.0.0.1:${server.address().port}`;
  const client = both.createSendQueueClient({ url, token: 'mk_a_b' });
  const sent = await client.enqueueWhatsAppSend({ phoneNumber: '+966501234567', text: 'طلبك جاهز' });
  assert.deepEqual(sent, { id: 'm1', status: 'queued' });
  assert.throws(() => both.createSendQueueClient({ url: 'ftp://x', token: 't' }), both.SendQueueError);
  server.close();
  console.log('both packages work');
};
