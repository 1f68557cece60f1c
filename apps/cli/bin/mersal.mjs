#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write('mersal is not built yet: run `npm ci && npm run build` (or `npm start`) first\n');
  process.exitCode = 1;
}
