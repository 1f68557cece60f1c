/** `node add-up.mjs <output>…`: one closing line for several runs. A run that ended without one counts as a failure. */
import { existsSync, readFileSync } from 'node:fs';

import { addUp, closingLine, NOTHING, readClosingLine } from './tally.mjs';

const tallies = process.argv.slice(2).map((path) => {
  const tally = existsSync(path) ? readClosingLine(readFileSync(path, 'utf8')) : undefined;
  if (tally === undefined) console.log(`✗ ${path}: no closing line, the run did not come to its end`);
  return tally ?? { ...NOTHING, failed: 1 };
});
const sum = addUp(tallies);
console.log(closingLine(sum));
process.exitCode = sum.failed > 0 || tallies.length === 0 ? 1 : 0;
