import { Command } from 'commander';
import { cacheReport } from './commands/cache.js';
import { doctor } from './commands/doctor.js';
import { keysCreate, keysList, keysRevoke } from './commands/keys.js';
import { migrateDeploy, migrateStatus } from './commands/migrate.js';
import { queueMessage, queueMetrics } from './commands/queue.js';
import { tenantsCreate, tenantsList, tenantsSeed } from './commands/tenants.js';
import { topicsEnsure, topicsStatus } from './commands/topics.js';
import { kafkaConnection } from './connections.js';
import type { Logger } from '@mersal/telemetry';
import { EXIT } from './exit-codes.js';
import { CliError, type Report } from './report.js';
import type { Settings } from './settings.js';

export interface ProgramOptions {
  /** Read when a command runs, so that help needs none. */
  readonly settings: () => Settings;
  readonly logger: Logger;
  readonly readInput: () => Promise<string>;
  readonly now: () => number;
  readonly show: (answer: Report) => void;
}

/** The commands and their arguments; what they do is in `commands/`. */
export function createProgram({ settings, logger, readInput, now, show }: ProgramOptions): Command {
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

  const topics = program.command('topics').description("Kafka's topics");
  topics
    .command('ensure')
    .description('create what is missing; exits 3 when an existing one differs')
    .action(async () => show(await topicsEnsure(env(), kafka())));
  topics
    .command('status')
    .description('compare the topics with what they should be; exits 3 when they differ')
    .action(async () => show(await topicsStatus(env(), kafka())));

  const tenants = program.command('tenants').description('restaurants');
  tenants
    .command('seed')
    .description('create or update the restaurants of a file, with their keys')
    .requiredOption(
      '--file <path>',
      'JSON: [{restaurantId, name, accountSid, authToken, fromNumbers, apiKey}]',
    )
    .action(async ({ file }: { file: string }) => show(await tenantsSeed(env(), file)));
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

  const keys = program.command('keys').description('API keys');
  keys
    .command('create')
    .description('create one and print it, once')
    .option('--restaurant <restaurant>', 'whose it is (default: a platform key)')
    .requiredOption('--scopes <scopes>', 'send,read; for a platform key also admin, send:any')
    .option('--name <name>', 'what it is for', 'cli')
    .action(async (given: { restaurant?: string; scopes: string; name: string }) =>
      show(await keysCreate(env(), given)),
    );
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

  const cache = program.command('cache').description('the template cache');
  cache
    .command('report')
    .description('hits and misses, all instances')
    .action(async () => show(await cacheReport(env(), now())));

  program
    .command('doctor')
    .description('check everything and say what to do; exits 1 when something is wrong')
    .action(async () => show(await doctor(settings(), logger, now)));
  return program;
}
