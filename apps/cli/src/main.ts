import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { runCli } from './run-cli.js';

// Whoever reads may stop early, as `head` does: that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  writeOut: (line) => void process.stdout.write(line),
  writeErr: (line) => void process.stderr.write(line),
  // A person at a terminal would wait for ever without knowing for what.
  readInput: () => (process.stdin.isTTY ? Promise.resolve('') : text(process.stdin)),
  ...(process.stdin.isTTY && process.stderr.isTTY ? { terminal: { ask, progress } } : {}),
  onInterrupt: (listener) => {
    // A second one ends the process at once, as it would without us.
    process.once('SIGINT', listener);
    process.once('SIGTERM', listener);
    return () => {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    };
  },
});

async function ask(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim());
  } finally {
    lines.close();
  }
}

function progress(line: string): void {
  process.stderr.write(`\r\u001b[K${line}`);
}
