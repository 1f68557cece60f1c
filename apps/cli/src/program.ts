import { Command } from 'commander';
import { auditList } from './commands/audit.js';
import { cacheHistory, cacheReport, type HistoryChoice } from './commands/cache.js';
import { cacheReplay, type ReplayChoice } from './commands/cache-replay.js';
import type { WarmChoice } from './commands/cache-warm.js';
import { credentialsRotate, credentialsStatus } from './commands/credentials.js';
import { doctor } from './commands/doctor.js';
import { keysCreate, keysList, keysRevoke, keysRotate } from './commands/keys.js';
import { migrateDeploy, migrateRoles, migrateStatus } from './commands/migrate.js';
import { type PauseChoice, queuePause, queuePauses, queueRelease, queueResume } from './commands/pauses.js';
import { queueMessage, queueMetrics } from './commands/queue.js';
import { queueRetry, queueStuck } from './commands/stuck.js';
import { suppressionsLift, suppressionsList } from './commands/suppressions.js';
import { type LimitsChoice, tenantsLimits } from './commands/tenant-limits.js';
import {
  tenantsCreate,
  tenantsList,
  tenantsResume,
  tenantsSeed,
  tenantsSuspend,
} from './commands/tenants.js';
import { redisAcls } from './commands/redis.js';
import { topicsAcls } from './commands/topic-acls.js';
import { topicsEnsure, topicsStatus } from './commands/topics.js';
import { unknownList, unknownResolve } from './commands/unknown.js';
import { kafkaConnection } from './connections.js';
import type { Logger } from '@mersal/telemetry';
import { EXIT } from './exit-codes.js';
import { CliError, type Report } from './report.js';
import { addRecovery } from './programs/recovery-program.js';
import type { Settings } from './settings.js';
import type { Terminal } from './terminal.js';

export interface ProgramOptions {
  /** Read when a command runs, so that help needs none. */
  readonly settings: () => Settings;
  readonly logger: Logger;
  readonly readInput: () => Promise<string>;
  readonly now: () => number;
  readonly show: (answer: Report) => void;
  readonly writeErr: (text: string) => void;
  /** Undefined: nobody is there to be asked. */
  readonly terminal: () => Terminal | undefined;
  /** How far a long command is. */
  readonly tell: (progress: string) => void;
  readonly interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/** The commands and their arguments; what they do is in `commands/`. */
export function createProgram(options: ProgramOptions): Command {
  const { settings, logger, readInput, now, show, tell } = options;
  const program = new Command('mersal')
    .description("mersal, the operators' command line")
    .option('--json', 'print one JSON document instead of tables')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 failed, 2 wrong call or settings, 3 done but somebody should look.
Settings come from the environment, else from the nearest .local/stack.json (a running \`npm start\`).`,
    );
  const env = () => settings().env;
  const kafka = () => kafkaConnection(env(), logger);

  const migrate = program.command('migrate').description("the database's tables");
  migrate
    .command('deploy')
    .description('bring the database up to this version')
    .action(async () => show(await migrateDeploy(env())));
  migrate
    .command('status')
    .description('what is applied and what waits; exits 3 when something waits')
    .action(async () => show(await migrateStatus(env())));
  migrate
    .command('roles')
    .description('create the roles of the services and give each its rights in the tables, no more')
    .option('--sql', 'only print the statements')
    .action(async (given: { sql?: boolean }) => show(await migrateRoles(env(), given)));

  const topics = program.command('topics').description("Kafka's topics");
  topics
    .command('ensure')
    .description('create what is missing; exits 3 when an existing one differs')
    .action(async () => show(await topicsEnsure(env(), kafka())));
  topics
    .command('status')
    .description('compare the topics with what they should be; exits 3 when they differ')
    .action(async () => show(await topicsStatus(env(), kafka())));

  topics
    .command('acls')
    .description('what each service needs to be allowed in Kafka, and nothing more')
    .option('--apply', 'allow it')
    .option('--principal <name>', 'who {service} is', 'User:mersal-{service}')
    .action(async (given: { apply?: boolean; principal: string }) =>
      show(await topicsAcls(env(), kafka, given)),
    );

  program
    .command('redis')
    .description('Redis')
    .command('acls')
    .description("what each service's user needs in Redis, as ACL SETUSER takes it")
    .action(() => show(redisAcls(env())));

  const tenants = program.command('tenants').description('restaurants');
  tenants
    .command('seed')
    .description('create or update the restaurants of a file, with their keys')
    .requiredOption(
      '--file <path>',
      'JSON: [{restaurantId, name, accountSid, authToken, fromNumbers, apiKey}]',
    )
    .action(async ({ file }: { file: string }) => show(await tenantsSeed(env(), logger, file)));
  tenants
    .command('list')
    .description('all restaurants')
    .action(async () => show(await tenantsList(env())));
  tenants
    .command('create')
    .description(
      'create one; its provider token comes from TWILIO_AUTH_TOKEN or stdin, its API key is printed once',
    )
    .requiredOption('--id <restaurant>', 'its id')
    .option('--name <name>', 'its name (default: the id)')
    .requiredOption('--account-sid <sid>', 'its account at the provider')
    .requiredOption('--from <number...>', 'its sender numbers, whatsapp:+…; the first is the default')
    .action(async (given: { id: string; name?: string; accountSid: string; from: string[] }) => {
      const authToken = env()['TWILIO_AUTH_TOKEN'] || (await readInput()).trim();
      if (authToken === '')
        throw new CliError('token_missing', 'set TWILIO_AUTH_TOKEN, or pipe the token in', EXIT.usage);
      show(
        await tenantsCreate(env(), {
          restaurantId: given.id,
          name: given.name ?? given.id,
          accountSid: given.accountSid,
          authToken,
          fromNumbers: given.from,
        }),
      );
    });

  tenants
    .command('suspend')
    .description('hold all messages of one until it is resumed')
    .argument('<restaurant>')
    .requiredOption('--reason <text>', 'why: it is shown to whoever looks')
    .action(async (id: string, { reason }: { reason: string }) =>
      show(await tenantsSuspend(env(), id, reason)),
    );
  tenants
    .command('resume')
    .description('go on with what was suspended')
    .argument('<restaurant>')
    .action(async (id: string) => show(await tenantsResume(env(), id)));

  tenants
    .command('limits')
    .description('show the limits of one, or change those that are given: on all senders within seconds')
    .argument('<restaurant>')
    .option('--concurrency <n>', 'most requests under way: 1 to 1000, or default')
    .option('--rate <n>', 'most messages a second: 0.001 to 1000, or default')
    .option('--on-dead <what>', 'what waits behind a dead message goes on, or waits: skip or hold')
    .option(
      '--on-unknown <what>',
      'an outcome that can not be told is decided by you, or sent again: wait or resend',
    )
    .action(async (id: string, given: LimitsChoice) => show(await tenantsLimits(env(), id, given)));

  const credentials = program
    .command('credentials')
    .description("the encryption of the restaurants' provider tokens");
  credentials
    .command('status')
    .description('which keys are in use; exits 3 while one is not CREDENTIALS_KEY')
    .action(async () => show(await credentialsStatus(env())));
  credentials
    .command('rotate')
    .description('encrypt everything with CREDENTIALS_KEY; interrupted, run it again')
    .action(async () =>
      show(await options.interruptible((signal) => credentialsRotate(env(), signal, options.terminal()))),
    );

  const keys = program.command('keys').description('API keys');
  keys
    .command('create')
    .description('create one and print it, once')
    .option('--restaurant <restaurant>', 'whose it is (default: a platform key)')
    .requiredOption('--scopes <scopes>', 'send,read; for a platform key send:any,read,admin')
    .option('--name <name>', 'what it is for', 'cli')
    .option('--days <n>', 'it expires after so many days (default: never)')
    .action(async (given: { restaurant?: string; scopes: string; name: string; days?: string }) =>
      show(await keysCreate(env(), given, now())),
    );
  keys
    .command('rotate')
    .description('create the key that takes the place of another, and print it, once')
    .argument('<key-id>')
    .option('--overlap <seconds>', 'how long the other still works', '86400')
    .action(async (id: string, given: { overlap: string }) => show(await keysRotate(env(), id, given)));
  keys
    .command('list')
    .description('all keys, never their secrets')
    .option('--restaurant <restaurant>', "one restaurant's only")
    .action(async ({ restaurant }: { restaurant?: string }) => show(await keysList(env(), restaurant)));
  keys
    .command('revoke')
    .description('end a key for good')
    .argument('<key-id>')
    .action(async (id: string) => show(await keysRevoke(env(), id)));

  const queue = program.command('queue').description('messages');
  queue
    .command('metrics')
    .description('how many messages are in which state')
    .action(async () => show(await queueMetrics(env())));
  queue
    .command('message')
    .description("one message's story")
    .argument('<id>')
    .action(async (id: string) => show(await queueMessage(env(), id)));

  const target = (command: Command): Command =>
    command
      .option('--restaurant <restaurant>', 'one restaurant (default: everything)')
      .option('--number <number>', 'one of its numbers, +…');
  target(queue.command('pause'))
    .description('send nothing more, within 2 s, until it is resumed or for some minutes')
    .requiredOption('--reason <text>', 'why: it is shown to whoever looks')
    .option('--minutes <n>', 'for so long (default: until it is resumed)')
    .action(async (given: PauseChoice & { minutes?: string; reason: string }) =>
      show(await queuePause(env(), given, now())),
    );
  target(queue.command('resume'))
    .description('go on with what was paused')
    .action(async (given: PauseChoice) => show(await queueResume(env(), given)));
  queue
    .command('pauses')
    .description('what is paused, by whom and why')
    .action(async () => show(await queuePauses(env())));
  queue
    .command('release')
    .description('let a conversation go on that waits behind a dead message')
    .argument('<id>')
    .action(async (id: string) => show(await queueRelease(env(), id)));

  queue
    .command('stuck')
    .description('conversations that do not move, and why; exits 3 while there are some')
    .option('--restaurant <restaurant>', "one restaurant's only")
    .option('--minutes <n>', 'for longer than this', '5')
    .action(async (given: { restaurant?: string; minutes: string }) => show(await queueStuck(env(), given)));
  queue
    .command('retry')
    .description('make a retry now that waits for its time')
    .argument('<id>')
    .action(async (id: string) => show(await queueRetry(env(), id)));

  addRecovery(program, {
    env,
    kafka,
    show,
    now,
    writeErr: options.writeErr,
    interruptible: options.interruptible,
    get terminal() {
      return options.terminal();
    },
  });

  const unknown = program
    .command('unknown')
    .description('messages that the provider may or may not have accepted');
  unknown
    .command('list')
    .description('all of them; exits 3 while some wait for you')
    .option('--restaurant <restaurant>', "one restaurant's only")
    .action(async ({ restaurant }: { restaurant?: string }) => show(await unknownList(env(), restaurant)));
  unknown
    .command('resolve')
    .description('say what the provider has')
    .argument('<id>')
    .requiredOption('--as <decision>', 'sent, not-sent (it is sent again) or dead')
    .option('--sid <sid>', 'the provider’s id of the message, where it was sent')
    .action(async (id: string, given: { as: string; sid?: string }) =>
      show(await unknownResolve(env(), id, given)),
    );

  const suppressions = program.command('suppressions').description('recipients who opted out');
  suppressions
    .command('list')
    .description("a restaurant's")
    .requiredOption('--restaurant <restaurant>', 'whose')
    .action(async ({ restaurant }: { restaurant: string }) =>
      show(await suppressionsList(env(), restaurant)),
    );
  suppressions
    .command('lift')
    .description('the recipient wants to hear from the restaurant again')
    .requiredOption('--restaurant <restaurant>', 'whose')
    .argument('<who>', 'the number in full, or the recipient as the list shows it')
    .action(async (who: string, { restaurant }: { restaurant: string }) =>
      show(await suppressionsLift(env(), restaurant, who)),
    );

  program
    .command('audit')
    .description('who changed what, by the command line or the API')
    .option('--subject <id>', 'one restaurant, key or message')
    .option('--limit <n>', 'most entries', '100')
    .action(async (given: { subject?: string; limit: string }) => show(await auditList(env(), given)));

  const cache = program.command('cache').description('the template cache');
  cache
    .command('report')
    .description('hits and misses, all instances; exits 3 while an alert is open')
    .action(async () => show(await cacheReport(env(), now())));
  cache
    .command('history')
    .description('hits and misses over time')
    .option('--key <key>', 'of one key (default: all together)')
    .option('--from <time>', 'ISO 8601 (default: an hour before --to)')
    .option('--to <time>', 'ISO 8601, not included (default: now)')
    .option('--step <minutes>', 'minutes a line', '1')
    .action(async (given: HistoryChoice) => show(await cacheHistory(env(), given, now())));
  cache
    .command('replay')
    .description(
      'count and judge events of the log once more, beside what was recorded; exits 3 when they differ',
    )
    .requiredOption('--from <time>', 'ISO 8601')
    .option('--to <time>', 'ISO 8601 (default: as far as windows were judged)')
    .action(async (given: ReplayChoice) => show(await cacheReplay(env(), kafka(), given)));
  cache
    .command('warm')
    .description('look templates up and store their SIDs before they are needed; exits 3 when one is missing')
    .requiredOption('--key <key...>', 'names of templates')
    .option('--restaurant <restaurant...>', 'of these only (default: of all)')
    .action(async (given: WarmChoice) => {
      // The provider's SDK is large, and no other command needs it.
      const { cacheWarm } = await import('./commands/cache-warm.js');
      show(await cacheWarm(env(), logger, given, tell));
    });

  program
    .command('doctor')
    .description('check everything and say what to do; exits 1 when something is wrong')
    .action(async () => show(await doctor(settings(), logger, now)));
  return program;
}
