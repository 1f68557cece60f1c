import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { catalogue, readConfig } from '@mersal/config';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const compose = read('docker-compose.yml');
interface Demo {
  readonly accountSid: string;
  readonly authToken: string;
  readonly numbers?: readonly string[];
  readonly fromNumbers?: readonly string[];
}
const demo = (file: string): Demo[] => JSON.parse(read(`infra/docker/${file}`)) as Demo[];

/** The shared environment, with the default of every `${NAME:-default}`. */
const environment = Object.fromEntries(
  [
    ...(/^x-environment:[^\n]*\n((?: {2}.*\n)+)/m.exec(compose)?.[1] ?? '').matchAll(
      /^ {2}([A-Z_]+): (.*)$/gm,
    ),
  ].map(([, name = '', value = '']): [string, string] => [
    name,
    value.replace(/^(['"])(.*)\1$/, '$2').replace(/^\$\{[A-Z_]+:?-(.*)\}$/, '$1'),
  ]),
);

describe('docker-compose.yml', () => {
  it('sets variables that exist, to values that are good', () => {
    const names = Object.keys(environment).filter(
      (name): name is keyof typeof catalogue => name in catalogue,
    );
    expect(
      Object.keys(environment).filter((name) => !names.includes(name as (typeof names)[number])),
    ).toEqual(['OTEL_EXPORTER_OTLP_ENDPOINT']);
    expect(readConfig(environment, names)).toMatchObject({
      KAFKA_BROKERS: ['kafka:9092'],
      TOPIC_PARTITIONS: 12,
    });
  });
  it('names the key of the console whose hash it sets', () => {
    const [key = ''] = /mk_\w+/.exec(compose) ?? [];
    expect(environment['ADMIN_TOKEN_HASH']).toBe(createHash('sha256').update(key).digest('hex'));
  });
  it('sets more for the profile full, all of which exists here', () => {
    const more = [...read('infra/docker/full.env').matchAll(/^([A-Z_]+)=(.+)$/gm)];
    expect(more.map(([, name = '']) => name).toSorted()).toEqual([
      'CONSOLE_TRACE_URL',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
    ]);
    for (const [, name = ''] of more) expect(compose).toContain(`\${${name}:-}`);
  });
  it('sets whatever has no default', () => {
    const mandatory = Object.entries(catalogue).flatMap(([name, variable]) =>
      variable.fallback === undefined ? [name] : [],
    );
    expect(Object.keys(environment)).toEqual(expect.arrayContaining(mandatory));
  });
  it('opens ports on loopback only', () => {
    const published = [...compose.matchAll(/ports: \[(.*)\]/g)].map((match) => match[1] ?? '');
    expect(published.length).toBeGreaterThan(4);
    for (const port of published) expect(port).toMatch(/^(['"])127\.0\.0\.1:\d+:\d+\1$/);
  });
  it('checks the health of every service that stays', () => {
    const services = compose.slice(compose.indexOf('\nservices:'), compose.indexOf('\nvolumes:'));
    for (const block of services.split(/\n {2}(?=[a-z-]+:\n)/).slice(1)) {
      const ours = /<<: \*(service|job)/.test(block);
      expect(ours || block.includes('healthcheck:'), block.split(':')[0]).toBe(true);
    }
  });
  it('mounts files that exist', () => {
    const sources = [...compose.matchAll(/(?:- |['"])(\.\/[^:'"]+):/g)].map((match) => match[1] ?? '');
    expect(sources.length).toBeGreaterThan(3);
    expect(sources.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
  it('knows the demo restaurant at the simulator as in the database', () => {
    const [account] = demo('simulator-accounts.json');
    const [tenant] = demo('demo-tenants.json');
    expect(tenant).toMatchObject({
      accountSid: account?.accountSid,
      authToken: account?.authToken,
      fromNumbers: account?.numbers?.map((number) => `whatsapp:${number}`),
    });
  });
});
