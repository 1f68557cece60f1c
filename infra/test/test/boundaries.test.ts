import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, type TreeCopy } from './tree-copy.js';

/** A check that finds nothing because it reads nothing would pass for ever: each planted violation must be found. */
let tree: TreeCopy;
beforeAll(() => {
  tree = copyTree([
    'package.json',
    'package-lock.json',
    'turbo.json',
    'tsconfig.base.json',
    'apps',
    'packages',
    'infra',
  ]);
});
afterAll(() => tree?.remove());

function withPlanted(path: string, source: string): { code: number | null; output: string } {
  const file = join(tree.path, path);
  writeFileSync(file, source);
  try {
    return tree.run('turbo', ['boundaries']);
  } finally {
    rmSync(file);
  }
}

describe('turbo boundaries', () => {
  it('reads every package', () => {
    const { output } = tree.run('turbo', ['boundaries']);
    expect(Number(/Checked (\d+) files in/.exec(output)?.[1])).toBeGreaterThan(300);
    expect(output).not.toContain('planted.ts');
  });
  it.each([
    [
      'an engine that imports an engine',
      'packages/lanes/src/planted.ts',
      "export { createPostgresLedger } from '@mersal/ledger';\n",
    ],
    [
      'an engine that imports a service',
      'packages/lanes/src/planted.ts',
      "export { judge } from '@mersal/delivery';\n",
    ],
    [
      'contracts that import the kit',
      'packages/contracts/src/planted.ts',
      "export { createLogger } from '@mersal/telemetry';\n",
    ],
    [
      'an app that imports an app',
      'apps/sender/src/planted.ts',
      "export { createSimulator } from '@mersal/twilio-simulator/simulator';\n",
    ],
    [
      'a way around the package of another',
      'apps/sender/src/planted.ts',
      "export { createLogger } from '../../../packages/telemetry/src/logger.js';\n",
    ],
    [
      'a dependency that is not declared',
      'packages/lanes/src/planted.ts',
      "export { Kafka } from 'kafkajs';\n",
    ],
  ])('finds %s', (_what, path, source) => {
    const { code, output } = withPlanted(path, source);
    expect(output).toContain('planted.ts');
    expect(code).not.toBe(0);
  });
  it('finds a declared dependency that goes upward', () => {
    const upward = /@mersal\/contracts.*tag|tag.*@mersal\/contracts/is;
    expect(tree.run('turbo', ['boundaries']).output).not.toMatch(upward);
    writeFileSync(
      join(tree.path, 'packages/contracts/turbo.json'),
      '{ "extends": ["//"], "tags": ["app"] }\n',
    );
    const { code, output } = tree.run('turbo', ['boundaries']);
    expect(output).toMatch(upward);
    expect(code).not.toBe(0);
  });
});
