import {
  createLogger,
  inSpan,
  namedSpanId,
  sameTrace,
  startSpan,
  traceIdOf,
  traceparentOf,
  withSpan,
} from '@mersal/telemetry';
import { startTelemetry, stopTelemetry } from '@mersal/telemetry/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => startTelemetry({}, 'test'));
afterAll(() => stopTelemetry());

const REMOTE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('a trace', () => {
  it('goes on from a traceparent, and round again', async () => {
    await inSpan('admit', { traceparent: REMOTE }, async (span) => {
      const own = traceparentOf(span);
      expect(traceIdOf(own)).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
      // No spans are exported here: a service further on that exports must not take that for "not sampled".
      expect(own).toMatch(/-01$/);
      expect(own).not.toBe(REMOTE);
      expect(traceparentOf()).toBe(own);
    });
    expect(traceparentOf()).toBe(undefined);
  });
  it('goes on inside, over what is awaited', async () => {
    await inSpan('outer', {}, async (outer) => {
      await Promise.resolve();
      await inSpan('inner', {}, async (inner) => {
        expect(inner.spanContext().traceId).toBe(outer.spanContext().traceId);
      });
    });
  });
  it.each([
    '',
    'nonsense',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `${REMOTE}-more`,
    REMOTE.toUpperCase(),
  ])('begins anew at a traceparent like "%s"', (traceparent) => {
    const span = startSpan('attempt', { traceparent });
    expect(traceIdOf(traceparentOf(span))).toMatch(/^[0-9a-f]{32}$/);
    expect(traceIdOf(traceparent)).toBe(undefined);
    span.end();
  });
  it('has spans whose ids are known beforehand, and only those that ask for it', () => {
    const id = namedSpanId('attempt', 1, 'a', 2);
    const span = startSpan('attempt', { traceparent: REMOTE, spanId: id });
    expect(traceparentOf(span)).toBe(sameTrace(REMOTE, id));
    expect(startSpan('next', { traceparent: REMOTE }).spanContext().spanId).not.toBe(id);
    expect(namedSpanId('attempt', 1, 'a', 3)).not.toBe(id);
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(sameTrace('nonsense', id)).toBe(undefined);
    expect(sameTrace(undefined, id)).toBe(undefined);
  });
  it('passes on what failed inside', async () => {
    await expect(inSpan('failing', {}, () => Promise.reject(new Error('as it was')))).rejects.toThrow(
      'as it was',
    );
    expect(traceparentOf()).toBe(undefined);
  });
  it('is named in log lines while it is active, and only then', () => {
    const lines: Record<string, unknown>[] = [];
    const destination = {
      write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    };
    const log = createLogger({ service: 'test', instance: 'one', level: 'info', destination });
    const span = startSpan('request', { traceparent: REMOTE });
    withSpan(span, () => log.info({}, 'inside'));
    span.end();
    log.info({}, 'outside');
    expect(lines[0]).toMatchObject({
      service: 'test',
      instance: 'one',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      span_id: span.spanContext().spanId,
    });
    expect(lines[1]).not.toHaveProperty('trace_id');
  });
});
