import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { topicNames } from '@mersal/contracts';
import { createAdmin } from '@mersal/kafka';
import { type ServiceProcess, waitFor } from '@mersal/testkit';
import { LIFTED } from '../drain.js';
import { type LedgerView, viewLedger } from '../ledger-view.js';
import { publishBacklog } from '../load.js';
import type { BenchContext, Part, Row } from '../part.js';
import { openStage, type Stage } from '../stage.js';

const BIN = fileURLToPath(new URL('../../../apps/cli/bin/mersal.mjs', import.meta.url));
const TENANTS = 20;

interface Tally {
  readonly matched: number;
  readonly sent: number;
  readonly skipped: number;
}

/** A log of which the ledger knows most, and of that part to be sent, part sent, part dead, lacks the rest. */
async function run(context: BenchContext): Promise<Row[]> {
  const records = context.quick ? 5_000 : 50_000;
  const missing = records / 10;
  const stage = await openStage(context, { tenants: TENANTS });
  const ledger = viewLedger(stage.database);
  try {
    const from = new Date(Date.now() - 1_000).toISOString();
    const sender = await stage.startSender('sender-1', { ...LIFTED, LOG_LEVEL: 'warn' });
    await publishBacklog(stage, { messages: records - missing, conversationsEach: 50 });
    await untilSent(ledger, records - missing);
    await sender.stop();
    await ledger.query(
      `update message set state = 20, dead_reason = 'provider_rejected' where (tenant, u) in (select tenant, u from message limit $1)`,
      [missing],
    );
    const lost = await publishBacklog(stage, { messages: missing, conversationsEach: 50 });
    await skipUnread(stage, ledger);
    const [dry, drySeconds] = await command(stage, 'replay', '--from', from, '--dry-run');
    const [done, seconds] = await command(stage, 'replay', '--from', from, '--rate', '10000');
    const again: ServiceProcess = await stage.startSender('sender-2', { ...LIFTED, LOG_LEVEL: 'warn' });
    await untilSent(ledger, records - missing);
    const [second] = await command(stage, 'replay', '--from', from, '--rate', '10000');
    await again.stop();
    const [truth] = await ledger.query<{ attempts: number; back: number }>(
      `select (select count(*)::int from attempt) as attempts,
              (select count(*)::int from message where state between 10 and 13 and u = any($1::uuid[])) as back`,
      [lost.map((id) => id.slice(0, 32))],
    );
    const exact =
      dry.sent === missing &&
      done.sent === missing &&
      second.sent === 0 &&
      truth?.back === missing &&
      truth.attempts === records;
    return [
      {
        what: `replay of ${records} records, ${missing} of them unknown to the ledger`,
        target: 'each of these sent once, nothing else',
        measured: exact
          ? `exactly, in ${seconds.toFixed(1)} s (dry run ${drySeconds.toFixed(1)} s)`
          : JSON.stringify({ dry, done, second, truth }),
        met: exact,
        detail: { dry, done, second, truth },
      },
    ];
  } finally {
    await ledger.close();
    await stage.stop();
  }
}

async function untilSent(ledger: LedgerView, count: number): Promise<void> {
  let sent = 0;
  await waitFor(
    async () => {
      const [row] = await ledger.query<{ n: number }>(
        'select count(*)::int as n from message where state between 10 and 13',
      );
      sent = row?.n ?? 0;
      const [left] = await ledger.query<{ n: number }>('select count(*)::int as n from outbox');
      return sent >= count && left?.n === 0;
    },
    { timeoutMs: 300_000, intervalMs: 500, describe: () => `${count} messages sent, ${sent} are` },
  );
}

/** What nobody read counts as read: as where the log was gone before, or a ledger was put together by hand. */
async function skipUnread(stage: Stage, ledger: LedgerView): Promise<void> {
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const brokers = (stage.env['KAFKA_BROKERS'] as string).split(',');
  const admin = createAdmin({ connection: { brokers, clientId: 'bench', logger: quiet } });
  try {
    for (const [partition, end] of await admin.endOffsets(topicNames(stage.queue).send))
      await ledger.query(`update admitted set next_offset = $2 where partition = $1 and topic = 'send'`, [
        partition,
        String(end),
      ]);
  } finally {
    await admin.close();
  }
}

async function command(stage: Stage, ...args: string[]): Promise<[Tally, number]> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [BIN, ...args, '--json'], {
    env: { PATH: process.env['PATH'] ?? '', ...stage.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`mersal ${args.join(' ')} ended with ${String(code)}: ${err}`);
  return [JSON.parse(out) as Tally, (performance.now() - startedAt) / 1_000];
}

export const replay: Part = {
  name: 'replay',
  text: 'a log is read again of which the ledger lacks a tenth',
  run,
};
