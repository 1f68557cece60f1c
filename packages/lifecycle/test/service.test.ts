import { EventEmitter } from 'node:events';
import { runService, type Scope, type ServiceOptions } from '@mersal/lifecycle';
import { waitFor } from '@mersal/testkit';
import { describe, expect, it } from 'vitest';

/** A process that does not end this one. */
class Host extends EventEmitter {
  exitCode: number | undefined;
  readonly exits: number[] = [];
  exit(code?: number): never {
    this.exits.push(code ?? 0);
    return undefined as never;
  }
}

async function service(start: (scope: Scope) => Promise<void>, more: Partial<ServiceOptions> = {}) {
  const host = new Host();
  const lines: string[] = [];
  let now = 0;
  const log = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`);
  await runService({
    name: 'svc',
    logger: { info: log('info'), warn: log('warn'), fatal: log('fatal') },
    start,
    process: host as unknown as NodeJS.Process,
    now: () => now,
    ...more,
  });
  return {
    host,
    lines,
    signal(name: 'SIGINT' | 'SIGTERM', at: number) {
      now = at;
      host.emit(name, name);
    },
    exited: (times = 1) => waitFor(() => host.exits.length >= times, { timeoutMs: 5_000, describe: 'exit' }),
  };
}

/** A release that ends when it is told to. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, wait: () => opened };
}

describe('a service', () => {
  it('drains at the first signal and ends with 0', async () => {
    const closed: string[] = [];
    const run = await service(async ({ releases }) => {
      releases.push('database', () => void closed.push('database'));
      releases.push('listener', () => void closed.push('listener'));
    });
    expect(run.host.exits).toEqual([]);
    run.signal('SIGTERM', 1_000);
    await run.exited();
    expect(run.host.exits).toEqual([0]);
    expect(closed).toEqual(['listener', 'database']);
    expect(run.lines).toContain('info svc: stopped');
  });
  it('takes two signals within 500 ms for one, and ends at once at a later one', async () => {
    const { wait, open } = gate();
    const run = await service(async ({ releases }) => releases.push('slow', wait));
    run.signal('SIGINT', 1_000);
    run.signal('SIGTERM', 1_500);
    expect(run.host.exits).toEqual([]);
    run.signal('SIGINT', 1_501);
    expect(run.host.exits).toEqual([1]);
    open();
    await run.exited(2);
  });
  it('ends with 1 when it can not start, after giving back what it had', async () => {
    const closed: string[] = [];
    const run = await service(async ({ releases }) => {
      releases.push('database', () => void closed.push('database'));
      throw new Error('no broker');
    });
    await run.exited();
    expect(run.host.exits).toEqual([1]);
    expect(closed).toEqual(['database']);
    expect(run.lines[0]).toBe('fatal svc: fatal error');
  });
  it.each(['uncaughtException', 'unhandledRejection'])('ends with 1 at an %s', async (event) => {
    const run = await service(async () => undefined);
    run.host.emit(event, new Error('bug'));
    await run.exited();
    expect(run.host.exits).toEqual([1]);
  });
  it('ends with 1 when a part of it gives up, even when a signal follows', async () => {
    const { wait, open } = gate();
    let giveUp: Scope['fail'] = () => undefined;
    const run = await service(async ({ releases, fail }) => {
      giveUp = fail;
      releases.push('slow', wait);
    });
    giveUp(new Error('consumer crashed'));
    run.signal('SIGTERM', 10);
    open();
    await run.exited();
    expect(run.host.exitCode).toBe(1);
    expect(run.host.exits.every((code) => code === 1)).toBe(true);
  });
  it('ends with 1 when giving back fails', async () => {
    const run = await service(async ({ releases }) =>
      releases.push('broken', () => Promise.reject(new Error('stuck'))),
    );
    run.signal('SIGTERM', 1_000);
    await run.exited();
    expect(run.host.exits).toEqual([1]);
  });
  it('does not drain for ever', async () => {
    const { wait, open } = gate();
    const run = await service(async ({ releases }) => releases.push('stuck', wait), { drainMs: 20 });
    run.signal('SIGTERM', 1_000);
    await run.exited();
    expect(run.host.exits).toEqual([1]);
    expect(run.lines.at(-1)).toBe('fatal svc: not drained in time, ending now');
    open();
  });
});
