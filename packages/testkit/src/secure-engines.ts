import { chmodSync, chownSync, copyFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { choosePort } from '@mersal/local';
import kafkajs from 'kafkajs';
import { Client } from 'pg';
import { ownKafka, ownPostgres, ownRedis } from './engines.js';
import type { TestAuthority, TestCertificate } from './test-authority.js';

/** Users and their passwords. */
export type Users = Readonly<Record<string, string>>;

/** A right that a user made use of: an ACL that the broker decided by. */
export interface UsedRight {
  readonly user: string;
  readonly operation: string;
  readonly resource: string;
  readonly name: string;
}

const JAAS = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';

/**
 * A broker that lets in by SCRAM over TLS only, allows nothing that no ACL allows, and knows one super user, `admin`. (Its plain
 * listener is for itself and for the engine's own probe; no test is to use it.)
 */
export async function ownSecureKafka(certificate: TestCertificate, users: Users) {
  const [port, controllerPort, securePort] = [await choosePort(0), await choosePort(0), await choosePort(0)];
  const mechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512'];
  const kafka = await ownKafka({
    port,
    controllerPort,
    // It notes at this level by which ACL it allowed something.
    loggers: { 'kafka.authorizer.logger': 'debug' },
    scram: Object.entries(users).flatMap(([name, password]) =>
      mechanisms.map((mechanism) => `${mechanism}=[name=${name},password=${password}]`),
    ),
    properties: {
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort},SECURE://127.0.0.1:${securePort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},SECURE://localhost:${securePort}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL',
      'sasl.enabled.mechanisms': mechanisms.join(','),
      'listener.name.secure.scram-sha-256.sasl.jaas.config': JAAS,
      'listener.name.secure.scram-sha-512.sasl.jaas.config': JAAS,
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': certificate.both,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:admin;User:ANONYMOUS',
      'allow.everyone.if.no.acl.found': false,
    },
  });
  return {
    brokers: [`localhost:${securePort}`],
    /** Takes every right of that user on that topic or group away. */
    forbid: (user: string, resource: 'topic' | 'group', name: string) =>
      forbid(`127.0.0.1:${port}`, user, resource, name),
    usedRights: (): UsedRight[] => usedRights(readFileSync(join(kafka.dir, 'kafka.log'), 'utf8')),
    remove: () => kafka.remove(),
  };
}

async function forbid(
  broker: string,
  user: string,
  resource: 'topic' | 'group',
  name: string,
): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const filter = {
      principal: `User:${user}`,
      host: '*',
      resourceType: resource === 'topic' ? kafkajs.AclResourceTypes.TOPIC : kafkajs.AclResourceTypes.GROUP,
      resourceName: name,
      resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
      operation: kafkajs.AclOperationTypes.ANY,
      permissionType: kafkajs.AclPermissionTypes.ANY,
    };
    const { filterResponses } = await admin.deleteAcls({ filters: [filter] });
    const gone = filterResponses.flatMap(({ matchingAcls }) => matchingAcls).length;
    if (gone === 0) throw new Error(`${user} has no rights on ${resource} ${name}`);
  } finally {
    await admin.disconnect();
  }
}

/** The ACLs that the broker's log names as the reason for an operation of just that kind. */
function usedRights(log: string): UsedRight[] {
  const line =
    /Principal = User:(\S+) is Allowed operation = (\w+) .*? based on rule .*?resourceType=(\w+), resourceName=([^,]+), .*?operation=(\w+),/g;
  const used = new Map<string, UsedRight>();
  for (const [, user = '', asked, resource = '', name = '', operation = ''] of log.matchAll(line)) {
    if (asked === operation)
      used.set(`${user} ${operation} ${resource} ${name}`, {
        user,
        operation,
        resource: resource.toLowerCase(),
        name,
      });
  }
  return [...used.values()];
}

/** A Redis that speaks TLS only, where the default user may do nothing. `rules` by user: what `ACL SETUSER` takes. */
export async function ownSecureRedis(
  authority: TestAuthority,
  certificate: TestCertificate,
  users: Users,
  rules: Readonly<Record<string, readonly string[]>>,
) {
  const securePort = await choosePort(0);
  const redis = await ownRedis({
    // The plain port stays for the engine's own probe, which is answered before any login.
    args: [
      ['--tls-port', String(securePort), '--tls-auth-clients', 'no'],
      ['--tls-cert-file', certificate.cert, '--tls-key-file', certificate.key],
      ['--tls-ca-cert-file', authority.ca],
      ...Object.entries(rules).map(([user, of]) => ['--user', user, 'on', `>${users[user] ?? ''}`, ...of]),
      ['--user', 'default', 'on', 'nopass', 'resetkeys', 'resetchannels', 'nocommands', '+ping', '+acl|log'],
    ].flat(),
  });
  const urlOf = (user: string, host = 'localhost'): string =>
    `rediss://${user}:${users[user] ?? ''}@${host}:${securePort}`;
  return { plain: redis.url, urlOf, remove: () => redis.remove() };
}

/** A Postgres that speaks TLS; `urlOf` makes a URL of its that verifies it by name and CA. */
export async function ownSecurePostgres(authority: TestAuthority, certificate: TestCertificate) {
  const postgres = await ownPostgres();
  const admin = new Client({ connectionString: postgres.url });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ data_directory: string }>('show data_directory');
    const data = rows[0]?.data_directory ?? '';
    const owner = statSync(data);
    for (const [from, name] of [
      [certificate.cert, 'server.crt'],
      [certificate.key, 'server.key'],
    ] as const) {
      copyFileSync(from, join(data, name));
      chmodSync(join(data, name), 0o600);
      chownSync(join(data, name), owner.uid, owner.gid);
    }
    await admin.query('alter system set ssl = on');
    await admin.query('select pg_reload_conf()');
  } finally {
    await admin.end();
  }
  const urlOf = (plain: string, options: { host?: string; ca?: string } = {}): string => {
    const url = new URL(plain);
    url.hostname = options.host ?? 'localhost';
    url.searchParams.set('sslmode', 'verify-full');
    url.searchParams.set('sslrootcert', options.ca ?? authority.ca);
    return url.href;
  };
  return { plain: postgres.url, urlOf, remove: () => postgres.remove() };
}
