import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Problem, PROBLEM_MEDIA_TYPE } from './problem.js';

/** Answers on a connection whose request could not be read to its end, and closes it. */
export function answerSocket(socket: Duplex, problem: Problem): void {
  if (!socket.writable || socket.destroyed) return;
  const body = JSON.stringify(problem.body);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    // What is still to come of it is not waited for.
    () => socket.destroy(),
  );
}
