import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sbomOf } from '../sbom.mjs';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}
const manifest = (path: string) =>
  JSON.parse(readFileSync(new URL(`../../../${path}/package.json`, import.meta.url), 'utf8')) as Manifest;

/** `pkg:npm/%40scope/name@1.2.3` */
const nameOf = (purl: string) => decodeURIComponent(purl.replace('pkg:npm/', '').replace(/@[^@]*$/, ''));

/** Of an app and of the packages of ours that it needs. */
function dependenciesOf(path: string, found = new Set<string>()): Set<string> {
  for (const name of Object.keys(manifest(path).dependencies ?? {})) {
    if (found.has(name)) continue;
    found.add(name);
    if (name.startsWith('@mersal/')) dependenciesOf(`packages/${name.slice('@mersal/'.length)}`, found);
  }
  return found;
}

describe('the list of components', () => {
  it.each(['ingress', 'cache-metrics'])('of %s has every dependency, and none of development', (app) => {
    const names = new Set(sbomOf(app).components.map(({ purl }) => nameOf(purl)));
    const needed = dependenciesOf(`apps/${app}`);
    expect([...needed].filter((name) => !names.has(name))).toEqual([]);
    for (const name of ['vitest', 'typescript', '@mersal/testkit']) expect(names).not.toContain(name);
  });
});
