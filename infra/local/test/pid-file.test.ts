import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { takeLock, withFileLock } from '../src/engines/file-lock.mjs';
import { endLeftover, livingPid, writePidFile } from '../src/engines/pid-file.mjs';
import { identify, processTree, signalProcess } from '../src/engines/process-table.mjs';

const dir = mkdtempSync(join(tmpdir(), 'mersal-pid-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Ignores SIGTERM, has a child, and says when it is set up. */
const STUBBORN = `
process.on('SIGTERM', () => {});
const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
console.log(child.pid);
setInterval(() => {}, 1000);`;

function run(script: string) {
  const child = spawn(process.execPath, ['-e', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('could not run node');
  const said = new Promise<string>((resolve) =>
    child.stdout.once('data', (data) => resolve(String(data).trim())),
  );
  return { pid, said };
}

test('a leftover is ended with its children, also one that does not listen', async () => {
  const { pid, said } = run(STUBBORN);
  const child = Number(await said);
  const file = join(dir, 'stubborn.pid');
  expect(writePidFile(file, pid)).toBe(true);
  expect(livingPid(file)).toBe(pid);
  expect(processTree(pid)).toEqual([pid, child]);
  expect(await endLeftover(file, { graceMs: 300 })).toBe(pid);
  expect(identify(pid)).toBeUndefined();
  expect(identify(child)).toBeUndefined();
  expect(existsSync(file)).toBe(false);
});

test('a process of the same number that is another one is left alone', async () => {
  const { pid, said } = run("console.log('up'); setInterval(() => {}, 1000)");
  await said;
  const file = join(dir, 'stranger.pid');
  writePidFile(file, pid);
  const record = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; identity: string };
  writeFileSync(file, JSON.stringify({ ...record, identity: `${record.identity}1` }));
  expect(livingPid(file)).toBeUndefined();
  expect(await endLeftover(file)).toBeUndefined();
  expect(identify(pid)).toBeDefined();
  expect(existsSync(file)).toBe(false);
  signalProcess(pid, 'SIGKILL');
});

test.each(['', '{"pid":', '{"pid":1,"identity":"x"}', '"text"'])('%j names nobody', (text) => {
  const file = join(dir, 'damaged.pid');
  writeFileSync(file, text);
  expect(livingPid(file)).toBeUndefined();
});

test('a lock lets one in at a time, and outlives no owner', async () => {
  const path = join(dir, 'lock');
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, (inside += 1));
    await new Promise(setImmediate);
    inside -= 1;
  };
  await Promise.all([withFileLock(path, work), withFileLock(path, work)]);
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);

  writeFileSync(path, JSON.stringify({ pid: process.pid, identity: 'of a process that ended' }));
  expect(takeLock(path)).toBe(false);
  expect(await withFileLock(path, async () => 'in')).toBe('in');
});
