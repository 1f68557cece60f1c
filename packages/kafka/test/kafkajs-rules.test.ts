import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as kafkajs from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { kafkajsErrorFacts } from '../src/kafkajs-error.js';
import { kafkajsLogCreator } from '../src/kafka-logger.js';
import { recordingLogger } from './harness.js';

const folder = fileURLToPath(new URL('../src', import.meta.url));
const sources = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));

describe('trap 7: transactions', () => {
  it.each(sources)('$name has none', ({ text }) => {
    expect(text).not.toMatch(/transactionalId|\.transaction\(|sendOffsets/);
  });
});

describe('trap 9: names that kafkajs has for the compiler only', () => {
  const imports = sources.flatMap(({ name, text }) =>
    [...text.matchAll(/^import (?:\w+, )?\{([^}]*)\} from 'kafkajs'/gm)].flatMap(([, names]) =>
      (names ?? '')
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '' && !part.startsWith('type '))
        .map((part): [string, string] => [name, part]),
    ),
  );

  it('finds the imports', () => {
    expect(imports.map(([, part]) => part)).toEqual(
      expect.arrayContaining(['Kafka', 'AssignerProtocol', 'logLevel']),
    );
  });

  it.each(imports)('%s imports %s, which is there at run time', (_name, part) => {
    expect(Object.keys(kafkajs)).toContain(part);
  });
});

describe('errors of kafkajs', () => {
  it('are known by their fields, through what wraps them', () => {
    const inner = Object.assign(new Error('too large'), { type: 'MESSAGE_TOO_LARGE', retriable: false });
    const outer = Object.assign(new Error('gave up'), {
      name: 'KafkaJSNonRetriableError',
      retriable: false,
      cause: inner,
    });
    expect(kafkajsErrorFacts(outer)).toEqual({
      type: 'MESSAGE_TOO_LARGE',
      retriable: false,
      name: 'Error',
      message: 'too large',
      code: undefined,
    });
    expect(
      kafkajsErrorFacts(Object.assign(new Error('x'), { name: 'KafkaJSNumberOfRetriesExceeded' })).retriable,
    ).toBe(true);
    expect(kafkajsErrorFacts('x')).toEqual({ retriable: false });
    const loop: { cause?: unknown } = {};
    loop.cause = loop;
    expect(kafkajsErrorFacts(loop)).toEqual({ retriable: false });
  });
});

describe('log lines of kafkajs', () => {
  it('tell of a refused group, and of nothing else', () => {
    let refused = 0;
    const log = kafkajsLogCreator(recordingLogger(), () => (refused += 1))(kafkajs.logLevel.INFO);
    const say = (error: unknown): void =>
      log({
        namespace: 'Connection',
        level: kafkajs.logLevel.ERROR,
        label: 'ERROR',
        log: { timestamp: 'now', logger: 'kafkajs', message: 'Response GroupCoordinator', error },
      });
    say('The coordinator is not available');
    say(undefined);
    expect(refused).toBe(0);
    say('Not authorized to access group: Group authorization failed');
    expect(refused).toBe(1);
  });

  it('go to our logger, none as a warning', () => {
    const logger = recordingLogger();
    const log = kafkajsLogCreator(logger)(kafkajs.logLevel.INFO);
    const entry = { timestamp: 'now', logger: 'kafkajs', message: 'said', groupId: 'g' };
    for (const [level, label] of [
      [kafkajs.logLevel.ERROR, 'ERROR'],
      [kafkajs.logLevel.WARN, 'WARN'],
      [kafkajs.logLevel.INFO, 'INFO'],
    ] as const) {
      log({ namespace: 'Runner', level, label, log: entry });
    }
    expect(logger.lines).toEqual(
      ['info', 'info', 'debug'].map((level) => ({
        level,
        message: 'said',
        fields: { component: 'kafkajs', namespace: 'Runner', groupId: 'g' },
      })),
    );
  });
});
