import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { catalogue } from '@mersal/config';
import { deadReasons, problems } from '@mersal/contracts';
import { metricCatalogue } from '@mersal/telemetry';
import { describe, expect, it } from 'vitest';
import { deadAdvice, problemAdvice } from '../error-advice.mjs';
import { generatedFiles } from '../generated-files.mjs';
import { table } from '../markdown-table.mjs';
import { exposedName } from '../metrics-page.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = (name: string) => readFileSync(join(root, 'docs', name), 'utf8');

describe('generated files', () => {
  it.each([...generatedFiles()])(
    '%s is what its sources say (node infra/docs/generate.mjs)',
    (path, text) => {
      expect(readFileSync(join(root, path), 'utf8')).toBe(text);
    },
  );
  it('are the only ones in their folder', () => {
    const documents = [...generatedFiles().keys()].filter((path) => path.includes('/generated/'));
    const folder = dirname(documents[0] ?? '');
    expect(readdirSync(join(root, folder)).toSorted()).toEqual(
      documents.map((path) => path.slice(folder.length + 1)).toSorted(),
    );
  });
});

describe('docs/errors.md', () => {
  it.each(Object.entries(problems))('explains %s', (code, { status }) => {
    expect(page('errors.md')).toMatch(new RegExp(`^### \`${code}\`\\n\\n${status}, `, 'm'));
  });
  it.each(Object.keys(deadReasons))('explains the dead reason %s', (reason) => {
    expect(page('errors.md')).toMatch(new RegExp(`^\\| \`${reason}\` `, 'm'));
  });
  it('advises on nothing that does not exist', () => {
    expect(Object.keys(problemAdvice).toSorted()).toEqual(Object.keys(problems).toSorted());
    expect(Object.keys(deadAdvice).toSorted()).toEqual(Object.keys(deadReasons).toSorted());
  });
});

describe('docs/configuration.md', () => {
  it.each(Object.entries(catalogue))('lists %s with unit and default', (name, { unit, fallback }) => {
    const row = page('configuration.md')
      .split('\n')
      .find((line) => line.startsWith(`| \`${name}\` `));
    const cells = row?.split(' | ').map((cell) => cell.trim());
    expect(cells?.[1]).toBe(unit);
    expect(cells?.[2]).toBe(
      fallback === undefined ? '**mandatory**' : fallback === '' ? 'not set' : `\`${fallback}\``,
    );
  });
  it('lists every variable that sources name', () => {
    const listed = new Set(
      [...page('configuration.md').matchAll(/^\| `([A-Z_]+)`/gm)].map((match) => match[1]),
    );
    const named = sources()
      .flatMap((text) => [...text.matchAll(/\benv(?:\(\))?\[?(?:'([A-Z][A-Z_]+)'\]|\.([A-Z][A-Z_]+))/g)])
      .map((match) => match[1] ?? match[2]);
    expect(named.length).toBeGreaterThan(10);
    const ofTheSystem = new Set(['PATH', 'CI', 'TMPDIR', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
    expect(named.filter((name) => name !== undefined && !listed.has(name) && !ofTheSystem.has(name))).toEqual(
      [],
    );
  });
});

describe('docs/metrics.md', () => {
  it.each(Object.entries(metricCatalogue))('lists %s', (name, metric) => {
    expect(page('metrics.md')).toContain(`| \`${exposedName(name, metric)}\` `);
  });
});

describe('a table', () => {
  it('has columns of one width, and bars that are escaped', () => {
    expect(
      table(
        ['a', 'b'],
        [
          ['1 | 2', 'x'],
          ['é', ''],
        ],
      ),
    ).toBe(['| a      | b   |', '| ------ | --- |', '| 1 \\| 2 | x   |', '| é      |     |'].join('\n'));
  });
});

function sources(): string[] {
  return ['apps', 'packages', 'infra/local']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
        (path) => `${folder}/${path}`,
      ),
    )
    .filter((path) => /\/src\/.*\.m?[tj]s$/.test(path) && !/\/(node_modules|dist)\//.test(path))
    .map((path) => readFileSync(join(root, path), 'utf8'));
}
