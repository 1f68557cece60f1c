import { openDatabase } from '@mersal/ledger';
import { freshDatabase, waitFor } from '@mersal/testkit';
import { expect, it } from 'vitest';

const backend = { name: 'pid', text: 'select pg_backend_pid() as pid', values: [] };

/** One that holds a connection, one that ends it from outside, and what the first was told. */
async function twoDatabases() {
  const url = await freshDatabase('broken');
  const told: unknown[] = [];
  const open = (onError: (error: unknown) => void) =>
    openDatabase({ url, max: 1, application: 'broken-connection', onError });
  const [held, other] = [open((error) => told.push(error)), open(() => undefined)];
  return {
    held,
    told,
    terminate: (pid: unknown) =>
      other.run({ name: 'end', text: 'select pg_terminate_backend($1)', values: [pid] }),
    close: () => Promise.all([held.close(), other.close()]),
  };
}

// An event of a connection that nobody listens to is an uncaught exception: the run would fail by it.
it('a connection that breaks while it is lent is told once, fails its statement, and is replaced', async () => {
  const { held, told, terminate, close } = await twoDatabases();
  await expect(
    held.conversation(async (run) => {
      const [row] = await run(backend);
      await terminate(row?.['pid']);
      await waitFor(() => told.length > 0);
      await run(backend);
    }),
  ).rejects.toMatchObject({ code: 'unavailable' });
  expect(await held.run(backend)).toHaveLength(1);
  expect(told).toHaveLength(1);
  await close();
});

it('so is one that breaks under a statement, or while it is idle', async () => {
  const { held, told, terminate, close } = await twoDatabases();
  const [row] = await held.run(backend);
  const sleeping = held.run({ name: 'sleep', text: 'select pg_sleep(20)', values: [] });
  await Promise.all([
    expect(sleeping).rejects.toMatchObject({ code: 'unavailable' }),
    terminate(row?.['pid']),
  ]);
  const [next] = await held.run(backend);
  const before = told.length;
  await terminate(next?.['pid']);
  await waitFor(() => told.length > before);
  expect(await held.run(backend)).toHaveLength(1);
  await close();
});
