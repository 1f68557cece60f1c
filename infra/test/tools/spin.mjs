import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runToEnd } from '../child.mjs';
import { answers } from './command.mjs';

const PROPERTIES = ['once', 'cancelled_is_unsent'];
/** Taken out one at a time; without any of them the model must fail. */
const FENCES = ['NO_CLAIM_CAS', 'NO_FENCE', 'NO_AGE_CHECK', 'NO_ATTEMPT_MATCH', 'NO_GRACE', 'NO_CANCEL_LOCK'];
const LIMIT_MS = 120_000;

/**
 * Checks docs/spec/delivery.pml exhaustively: it holds, and with a fence taken out it does not.
 * @param {import('./tool-checks.mjs').Context} context @returns {Promise<import('./tool-checks.mjs').CheckResult>}
 */
export async function checkModel(context) {
  if (!(await answers(context, 'spin', ['-V'])) || !(await answers(context, 'gcc', ['--version'])))
    return { state: 'skipped', reason: 'no spin or no gcc: on Debian apt-get install spin gcc libc6-dev' };
  const directory = mkdtempSync(join(tmpdir(), 'mersal-spin-'));
  try {
    for (const fence of [undefined, ...FENCES]) {
      context.tell(fence ?? 'the model as it is');
      const broken = await violated(context, directory, fence);
      if (fence === undefined && broken.length > 0)
        return { state: 'failed', reason: `the model breaks ${broken.join(', ')}` };
      if (fence !== undefined && broken.length === 0)
        return { state: 'failed', reason: `the model holds without its fence ${fence}: it proves nothing` };
    }
    return { state: 'passed' };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * The properties that the model violates.
 * @param {import('./tool-checks.mjs').Context} context @param {string} directory @param {string | undefined} fence
 */
async function violated(context, directory, fence) {
  const model = join(context.root, 'docs', 'spec', 'delivery.pml');
  await must(context, directory, 'spin', [...(fence === undefined ? [] : [`-D${fence}`]), '-a', model]);
  await must(context, directory, 'gcc', ['-O2', '-DSAFETY', '-o', 'pan', 'pan.c']);
  const broken = [];
  for (const property of PROPERTIES) {
    const output = await must(context, directory, join(directory, 'pan'), ['-m1000000', '-N', property]);
    const errors = /errors: (\d+)/.exec(output)?.[1];
    if (errors === undefined || /max search depth too small|out of memory/.test(output))
      throw new Error(`the search for ${property} did not end: ${output.slice(-500)}`);
    if (errors !== '0') broken.push(property);
  }
  return broken;
}

/** @param {import('./tool-checks.mjs').Context} context @param {string} cwd @param {string} command @param {string[]} args */
async function must(context, cwd, command, args) {
  const ended = await runToEnd(command, args, { cwd, env: context.env, limitMs: LIMIT_MS });
  if (ended.code !== 0)
    throw new Error(`${command} failed: ${ended.trouble ?? ''} ${ended.output.slice(-500)}`);
  return ended.output;
}
