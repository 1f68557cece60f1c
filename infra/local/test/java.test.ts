import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { findJava, findMaven, javaMajor } from '../src/engines/java.mjs';
import { startKafka } from '../src/engines/kafka.mjs';
import { javaArtifacts } from '../src/engines/java-artifacts.mjs';

const dir = mkdtempSync(join(tmpdir(), 'mersal-java-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_392"', 8],
  ['openjdk version "21" 2023-09-19', 21],
  ['no version here', undefined],
])('%s', (text, major) => {
  expect(javaMajor(text)).toBe(major);
});

test('without Java: a code, how to get it, and the way without it', async () => {
  const start = startKafka({ dir: join(dir, 'kafka'), env: { PATH: dir } });
  await expect(start).rejects.toMatchObject({ code: 'java_missing' });
  await expect(findJava({ PATH: dir })).rejects.toThrow(/apt-get install|brew install/);
  await expect(findJava({ PATH: dir })).rejects.toThrow('docker compose up');
});

test('an old Java is named with its version', async () => {
  const java = join(dir, 'java');
  writeFileSync(java, '#!/bin/sh\necho \'openjdk version "11.0.2"\' >&2\n');
  chmodSync(java, 0o755);
  const found = findJava({ PATH: `${dir}:/bin` });
  await expect(found).rejects.toMatchObject({
    code: 'java_too_old',
    message: expect.stringContaining('Java 11'),
  });
});

test('without Maven: a code, and nothing half fetched', async () => {
  await expect(findMaven({ PATH: dir })).rejects.toMatchObject({ code: 'maven_missing' });
  const fetch = javaArtifacts({ cacheDir: join(dir, 'cache'), env: { PATH: dir } });
  await expect(fetch).rejects.toMatchObject({
    code: 'maven_missing',
    message: expect.stringContaining('docker compose up'),
  });
});
