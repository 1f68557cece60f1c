import { connect } from 'node:net';

/**
 * Writes bytes to a port of the loopback interface and waits for an answer that is complete.
 * @template T
 * @param {object} request
 * @param {number} request.port
 * @param {Buffer} request.bytes
 * @param {(received: Buffer) => T | undefined} request.parse undefined: not complete yet
 * @param {number} [request.timeoutMs]
 * @returns {Promise<T>}
 */
export function ask({ port, bytes, parse, timeoutMs = 3_000 }) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let received = Buffer.alloc(0);
    /** @param {() => void} settle */
    const end = (settle) => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const timer = setTimeout(
      () => end(() => reject(new Error(`no answer from port ${port} within ${timeoutMs} ms`))),
      timeoutMs,
    );
    socket.once('connect', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      try {
        const answer = parse(received);
        if (answer !== undefined) end(() => resolve(answer));
      } catch (error) {
        end(() => reject(error));
      }
    });
    socket.once('error', (error) => end(() => reject(error)));
    socket.once('close', () => end(() => reject(new Error(`port ${port} closed the connection`))));
  });
}
