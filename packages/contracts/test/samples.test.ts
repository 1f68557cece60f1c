import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodeEvent, encodeEvent, eventSchemas } from '@mersal/contracts';
import { describe, expect, it } from 'vitest';

/**
 * Records as they were published once, kept as they were: what stands in a log must remain readable. Samples are only
 * added; changing one hides a break.
 */
interface Sample {
  readonly topic: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: unknown;
}

const folder = fileURLToPath(new URL('samples/', import.meta.url));
const samples = readdirSync(folder).map((name): [string, Sample] => [
  name,
  JSON.parse(readFileSync(folder + name, 'utf8')) as Sample,
]);

describe('samples of every event ever published', () => {
  it.each(samples)('%s is read, and nothing of it is lost', (_name, sample) => {
    const headers = Object.fromEntries(
      Object.entries(sample.headers).map(([name, value]) => [name, Buffer.from(value)]),
    );
    const event = decodeEvent(headers, Buffer.from(JSON.stringify(sample.value)));
    expect(event.data).toEqual(sample.value);
    expect(event.type).toBe(sample.headers['ce_type']);
    expect(event.headers.id).toBe(sample.headers['ce_id']);
    expect(event.headers.traceparent).toBe(sample.headers['traceparent']);
    expect(JSON.parse(encodeEvent(event.type, event.data).toString('utf8'))).toEqual(sample.value);
  });
  it('there is one of each type', () => {
    const types = new Set(samples.map(([, sample]) => sample.headers['ce_type']));
    expect(types).toEqual(new Set(Object.keys(eventSchemas)));
  });
});
