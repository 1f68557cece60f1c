import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';

const TELEMETRY = new URL('../dist/index.js', import.meta.url).href;
const MIB = 1_048_576;

/** A process that logs as asked, and says over a channel of its own how it is. Its log is a pipe that the test reads, or does not. */
function start(script: string): ChildProcess {
  const source = `
    import { createLogger } from '${TELEMETRY}';
    const logger = createLogger({ service: 'test', instance: 'test-1', level: 'info' });
    const turn = () => new Promise((next) => setImmediate(next));
    ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  started.push(child);
  return child;
}
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

const LINES = 150_000;
const FLOOD = `
  for (let n = 0; n < ${LINES}; n += 1) {
    logger.info({ n, filling: 'x'.repeat(1_000) }, 'a line');
    if (n % 1_000 === 0) await turn();
  }`;

describe('a log that nobody reads', () => {
  it('holds its process up neither while it works nor at its end, and takes a bounded memory', async () => {
    const child = start(`
      const before = process.memoryUsage().rss;
      ${FLOOD}
      process.send({ grown: process.memoryUsage().rss - before });
      // As a service ends: see runService.
      process.exit(0);`);
    const [{ grown }] = (await once(child, 'message')) as [{ grown: number }];
    // 160 MB were logged.
    expect(grown).toBeLessThan(90 * MIB);
    expect((await once(child, 'exit'))[0]).toBe(0);
  }, 60_000);

  it('tells how many lines were left out once somebody reads on', async () => {
    const child = start(`
      ${FLOOD}
      process.send('flooded');
      process.once('message', () => {
        logger.info('the last one');
        process.exit(0);
      });`);
    await once(child, 'message');
    let text = '';
    let asked = false;
    child.stdout?.setEncoding('utf8').on('data', (some: string) => {
      text += some;
      if (text.slice(-some.length - 200).includes('were left out') && !asked) asked = child.send('enough');
    });
    expect((await once(child, 'close'))[0]).toBe(0);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; lines?: number });
    const told = lines.reduce((sum, { lines: lost = 0 }) => sum + lost, 0);
    const seen = lines.filter(({ msg }) => msg === 'a line').length;
    expect(told).toBeGreaterThan(0);
    expect(seen + told).toBe(LINES);
    expect(lines.at(-1)?.msg).toBe('the last one');
  }, 60_000);
});
