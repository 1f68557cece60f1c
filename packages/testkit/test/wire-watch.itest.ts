import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

import { afterEach, expect, it } from 'vitest';

import { WireWatch } from '../src/index.js';

const REQUEST =
  'POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n';

let server: Server | undefined;
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
});

/** A provider that answers each write with one byte, so that the next request is a segment of its own. */
async function provider(): Promise<number> {
  const listener = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', () => socket.write('.'));
  });
  server = listener;
  await new Promise<void>((listening) => listener.listen(0, '127.0.0.1', listening));
  return (listener.address() as AddressInfo).port;
}

async function client(port: number): Promise<(text: string) => Promise<void>> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  await new Promise((connected) => socket.once('connect', connected));
  return async (text) => {
    socket.write(text);
    await new Promise((answered) => socket.once('data', answered));
  };
}

it('has seen every request written before it was stopped, the last one too, and nothing else', async ({
  skip,
}) => {
  const port = await provider();
  const write = await client(port);
  for (let round = 0; round < 5; round += 1) {
    const watch = await WireWatch.start(port);
    skip(!watch, 'tcpdump is not installed here, or may not listen');
    if (!watch) return;
    const before = Date.now();
    for (let n = 0; n < 40; n += 1) {
      await write(REQUEST);
      await write('GET /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\n\r\n');
    }
    await watch.stop();
    expect(watch.at).toHaveLength(40);
    expect(watch.at[0]).toBeGreaterThan(before - 5);
    expect(watch.at.at(-1)).toBeLessThan(Date.now() + 5);
  }
});
