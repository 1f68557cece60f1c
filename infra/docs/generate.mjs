/** `node infra/docs/generate.mjs`, after a build: writes the pages and documents that are derived from the code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { generatedFiles } from './generated-files.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
for (const [path, text] of generatedFiles()) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  console.log(path);
}
