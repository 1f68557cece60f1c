import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commands, play } from './conformance/commands.js';
import { memorySubject } from './conformance/memory-subject.js';
import { postgresSubject } from './conformance/postgres-subject.js';

let postgres: Awaited<ReturnType<typeof postgresSubject>>;
beforeAll(async () => {
  postgres = await postgresSubject();
});
afterAll(() => postgres.close());

it('any sequence of commands shows the same in Postgres and in memory', { timeout: 300_000 }, async () => {
  const memory = memorySubject();
  let stories = 0;
  await fc.assert(
    fc.asyncProperty(commands, fc.constantFrom('skip' as const, 'hold' as const), async (story, onDead) => {
      stories += 1;
      const [there, here] = [
        await play(postgres, `story-${stories}`, story, onDead),
        await play(memory, `story-${stories}`, story, onDead),
      ];
      expect(here).toEqual(there);
    }),
    { numRuns: 60, seed: 20_261_124 },
  );
});
