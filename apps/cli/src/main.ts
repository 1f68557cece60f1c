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
});
