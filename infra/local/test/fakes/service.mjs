// Stands in for every service: its probe listener, and as much of the ingress and the provider as the demo asks for.
import { createServer } from 'node:http';
import { basename, dirname } from 'node:path';

const app = basename(dirname(dirname(process.argv[1])));
const { INSTANCE, PORT, PROBE_PORT } = process.env;
let accepted = 0;
/** @type {Map<string, string>} */
const ids = new Map();

function answer(request, response) {
  const json = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.url.startsWith('/health')) return json(200, {});
  if (request.url === '/_simulator/stats') return json(200, { duplicates: 0 });
  if (request.method === 'POST') {
    accepted += 1;
    if (accepted === 3) return json(503, { code: 'unavailable' });
    const key = `${request.headers.authorization} ${request.headers['idempotency-key']}`;
    if (!ids.has(key)) ids.set(key, `m${ids.size + 1}`);
    return json(202, { id: ids.get(key), status: 'queued' });
  }
  return json(200, { status: 'delivered' });
}

createServer(answer).listen(Number(PROBE_PORT), '127.0.0.1');
if (PORT) createServer(answer).listen(Number(PORT), '127.0.0.1');
console.log(JSON.stringify({ level: 30, service: app, instance: INSTANCE, msg: 'started' }));
console.log(JSON.stringify({ level: 40, service: app, instance: INSTANCE, msg: 'a warning to see' }));
process.on('SIGTERM', () => process.exit(0));
