import { type DestinationStream, pino } from 'pino';

/** Lines that nobody has read yet are kept up to this size, in bytes of text. What comes then is left out. */
const MOST_WAITING = 8 * 1_048_576;
/** How long a process that ends tries to get rid of its last lines, in ms. */
const LAST_WORDS_MS = 1_000;

/**
 * Standard output that never holds up its process, whoever reads it or does not:
 *
 *   line ─► waiting ─► written          waiting is full ─► left out, and told once there is room
 *              └─ the process ends ─► written within a second, or not at all
 *
 * A reader that stands still would otherwise cost memory without end, and keep the process from ending.
 */
export function logOutput(leftOut: (lines: number) => void): DestinationStream {
  let giveUpAt = Number.POSITIVE_INFINITY;
  let lost = 0;
  const output = pino.destination({
    // Asked for its number, Node sets the pipe up so that a write which finds it full says so, and does not wait.
    dest: process.stdout.fd,
    sync: false,
    maxLength: MOST_WAITING,
    retryEAGAIN: () => performance.now() < giveUpAt,
  });
  output.on('drop', () => {
    lost += 1;
  });
  output.on('drain', () => {
    if (lost === 0) return;
    const lines = lost;
    lost = 0;
    leftOut(lines);
  });
  const flush = output.flushSync.bind(output);
  // Called at the end of the process, and where a line must be out at once.
  output.flushSync = () => {
    giveUpAt = performance.now() + LAST_WORDS_MS;
    try {
      flush();
    } catch (error) {
      if (!isFull(error)) throw error;
    } finally {
      giveUpAt = Number.POSITIVE_INFINITY;
    }
  };
  return output;
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY');
}
