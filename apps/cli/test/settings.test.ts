import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSettings } from '../src/settings.js';

let root: string;
const stack = {
  ingress: 'http://127.0.0.1:3000',
  adminToken: 'mk_admin0001_00000000000000000000',
  kafka: ['127.0.0.1:9092', '127.0.0.1:9093'],
  redis: 'redis://127.0.0.1:6379',
  database: 'postgres://local',
  twilio: 'http://127.0.0.1:4010',
  services: [{ name: 'sender-1', pid: 1, url: 'http://127.0.0.1:5000' }, { name: 'broken' }],
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mersal-settings-'));
  mkdirSync(join(root, '.local'));
  mkdirSync(join(root, 'apps', 'cli'), { recursive: true });
  writeFileSync(join(root, '.local', 'stack.json'), JSON.stringify(stack));
  writeFileSync(join(root, '.local', 'secrets.json'), JSON.stringify({ credentialsKey: 'ck', idKeys: 'ik' }));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('where settings come from', () => {
  it('finds the running stack from any folder below it', () => {
    const { env, stack: found } = readSettings({}, join(root, 'apps', 'cli'));
    expect(env).toMatchObject({
      MERSAL_URL: stack.ingress,
      MERSAL_ADMIN_TOKEN: stack.adminToken,
      KAFKA_BROKERS: '127.0.0.1:9092,127.0.0.1:9093',
      REDIS_URL: stack.redis,
      DATABASE_URL: stack.database,
      CREDENTIALS_KEY: 'ck',
      ID_KEYS: 'ik',
      TOPIC_REPLICATION: '1',
    });
    expect(found).toEqual({ root, services: [stack.services[0]] });
  });

  it('lets the environment win, variable by variable, but an empty one is none', () => {
    const { env } = readSettings({ REDIS_URL: 'redis://other', KAFKA_BROKERS: '' }, root);
    expect(env).toMatchObject({ REDIS_URL: 'redis://other', KAFKA_BROKERS: '127.0.0.1:9092,127.0.0.1:9093' });
  });

  it('keeps local secrets away from other databases and other installations', () => {
    const { env } = readSettings(
      { DATABASE_URL: 'postgres://production', MERSAL_URL: 'https://production', KAFKA_BROKERS: 'p:9092' },
      root,
    );
    expect(env['CREDENTIALS_KEY']).toBeUndefined();
    expect(env['ID_KEYS']).toBeUndefined();
    expect(env['MERSAL_ADMIN_TOKEN']).toBeUndefined();
    expect(env['TOPIC_REPLICATION']).toBeUndefined();
  });

  it('is the environment alone where nothing runs, and says when the file is damaged', () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'mersal-settings-'));
    expect(readSettings({ A: 'b' }, elsewhere)).toEqual({ env: { A: 'b' }, stack: undefined });
    rmSync(elsewhere, { recursive: true });
    writeFileSync(join(root, '.local', 'stack.json'), '{');
    expect(() => readSettings({}, root)).toThrow(/stack\.json cannot be read/);
  });
});
