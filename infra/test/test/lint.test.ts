import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, type TreeCopy } from './tree-copy.js';

/** A linter without types finds no floating promise and says nothing of it: so each rule that counts is seen to fail. */
let tree: TreeCopy;
beforeAll(() => {
  tree = copyTree(['.oxlintrc.json', 'tsconfig.base.json', 'package.json']);
  writeFileSync(
    join(tree.path, 'tsconfig.json'),
    '{ "extends": "./tsconfig.base.json", "compilerOptions": { "composite": false }, "include": ["*.ts"] }\n',
  );
});
afterAll(() => tree?.remove());

const clean = {
  'asks.ts':
    "import { answer } from './answers.js';\n\nexport const asked = async (): Promise<number> => answer();\n",
  'answers.ts': 'export const answer = async (): Promise<number> => 42;\n',
};

function lint(files: Readonly<Record<string, string>>): { code: number | null; output: string } {
  for (const [name, source] of Object.entries({ ...clean, ...files }))
    writeFileSync(join(tree.path, name), source);
  return tree.run('oxlint', ['--type-aware']);
}

describe('oxlint', () => {
  it('has nothing against sources that are as they should be', () => {
    const { code, output } = lint({});
    expect(output).toContain('Found 0 warnings and 0 errors');
    expect(code).toBe(0);
  });
  it.each([
    [
      'no-floating-promises',
      {
        'asks.ts':
          "import { answer } from './answers.js';\n\nexport const ask = (): void => {\n  answer();\n};\n",
      },
    ],
    [
      'no-cycle',
      {
        'answers.ts':
          "import { asked } from './asks.js';\n\nexport const answer = async (): Promise<number> => asked();\n",
      },
    ],
    ['no-explicit-any', { 'answers.ts': 'export const answer = async (): Promise<any> => 42;\n' }],
    [
      'no-console',
      {
        'answers.ts':
          "export const answer = async (): Promise<number> => {\n  console.log('42');\n  return 42;\n};\n",
      },
    ],
    [
      'no-misused-promises',
      {
        'answers.ts':
          'export const answer = async (): Promise<number> => {\n  [1].forEach(async () => undefined);\n  return 42;\n};\n',
      },
    ],
  ])('finds a planted breach of %s', (rule, files) => {
    const { code, output } = lint(files);
    expect(output).toContain(rule);
    expect(code).not.toBe(0);
  });
});
