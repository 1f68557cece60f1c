import { describe, expect, it } from 'vitest';
import { contentOf, readSend } from '../src/sends/read-send.js';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const NUMBERS = ['whatsapp:+14155238886', 'whatsapp:+14155238887'];
const GOOD = { phoneNumber: '+966501234567', text: 'طلبك جاهز 🥙' };

function faultsOf(body: unknown): string[] {
  const read = readSend(body, NUMBERS, NOW);
  return read.ok ? [] : read.faults.map(({ pointer, code }) => `${pointer} ${code}`);
}

describe('a good body', () => {
  it.each([
    [GOOD],
    [{ ...GOOD, phoneNumber: 'whatsapp:+966501234567' }],
    [{ ...GOOD, phoneNumber: '+447700900123' }],
    [{ ...GOOD, text: 'x'.repeat(1_600) }],
    [{ ...GOOD, fromNumber: '+14155238887', priority: 0, conversationId: 'الطاولة ٤' }],
    [{ ...GOOD, sendAt: '2026-12-24T12:00:00Z', expiresAt: '2026-12-24T12:00:00.001Z' }],
    [{ ...GOOD, sendAt: '2020-01-01T00:00:00+03:00' }],
    [{ phoneNumber: '+966501234567', contentSid: `HX${'0'.repeat(32)}`, contentVariables: { 1: 'أحمد' } }],
    [{ phoneNumber: '+966501234567', template: 'welcome' }],
    [{ ...GOOD, metadata: { a: 'x'.repeat(4_096 - '{"a":""}'.length) } }],
  ])('%j', (body) => {
    expect(faultsOf(body)).toEqual([]);
  });
});

describe('a bad body', () => {
  it.each([
    [undefined, [' required']],
    [null, [' wrong_type']],
    [[GOOD], [' wrong_type']],
    [{}, ['/phoneNumber required', '/text required']],
    [{ ...GOOD, phoneNumber: '0501234567' }, ['/phoneNumber phone_invalid']],
    [{ ...GOOD, phoneNumber: '+96650' }, ['/phoneNumber phone_invalid']],
    [{ ...GOOD, phoneNumber: '+999123456789' }, ['/phoneNumber phone_invalid']],
    [{ ...GOOD, phoneNumber: 'call me' }, ['/phoneNumber phone_invalid']],
    [{ ...GOOD, phoneNumber: 966501234567 }, ['/phoneNumber wrong_type']],
    [{ ...GOOD, text: '' }, ['/text too_short']],
    [{ ...GOOD, text: 'x'.repeat(1_601) }, ['/text too_long']],
    [{ ...GOOD, text: 'half of 🥙: \ud83e' }, ['/text not_unicode']],
    [{ ...GOOD, contentSid: `HX${'0'.repeat(32)}` }, ['/contentSid exclusive']],
    [{ ...GOOD, contentVariables: { 1: 'x' } }, ['/contentVariables exclusive']],
    [{ phoneNumber: '+966501234567', contentSid: 'HX1' }, ['/contentSid wrong_form']],
    [
      { phoneNumber: '+966501234567', template: 't', contentVariables: { 1: 2 } },
      ['/contentVariables/1 wrong_type'],
    ],
    [{ ...GOOD, fromNumber: '+14155230000' }, ['/fromNumber not_yours']],
    [{ ...GOOD, priority: 11 }, ['/priority too_big']],
    [{ ...GOOD, priority: 1.5 }, ['/priority wrong_type']],
    [{ ...GOOD, conversationId: 'a\0b' }, ['/conversationId wrong_form']],
    [{ ...GOOD, sendAt: 'tomorrow' }, ['/sendAt time_invalid']],
    [{ ...GOOD, sendAt: '2026-11-24T12:00:00' }, ['/sendAt time_invalid']],
    [{ ...GOOD, sendAt: '2026-12-24T12:00:00.001Z' }, ['/sendAt too_late']],
    [{ ...GOOD, expiresAt: '2026-11-24T12:00:00Z' }, ['/expiresAt in_the_past']],
    [
      { ...GOOD, sendAt: '2026-11-24T13:00:00Z', expiresAt: '2026-11-24T13:00:00Z' },
      ['/expiresAt before_send_at'],
    ],
    [{ ...GOOD, metadata: { a: 'x'.repeat(4_096 - '{"a":""}'.length + 1) } }, ['/metadata too_big']],
    [{ ...GOOD, metadata: ['x'] }, ['/metadata wrong_type']],
    [{ ...GOOD, surprise: 1, 'a/b~c': 2 }, ['/surprise unknown_field', '/a~1b~0c unknown_field']],
  ])('%j', (body, faults) => {
    expect(faultsOf(body)).toEqual(faults);
  });

  it('tells all faults at once, those between fields too, and quotes no value', () => {
    const read = readSend(
      {
        phoneNumber: '12345',
        text: 'secret',
        template: 'x',
        priority: -1,
        expiresAt: '2020-01-01T00:00:00Z',
      },
      NUMBERS,
      NOW,
    );
    if (read.ok) throw new Error('it was taken');
    expect(read.faults.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/expiresAt',
      '/phoneNumber',
      '/priority',
      '/template',
    ]);
    expect(JSON.stringify(read.faults)).not.toMatch(/12345|secret/);
  });

  it('that nests endlessly is refused before anything walks it', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`) as object;
    expect(faultsOf({ ...GOOD, metadata: deep })).toEqual([' too_deep']);
  });
});

it('the content is what was given', () => {
  expect(contentOf({ ...GOOD })).toEqual({ kind: 'text', text: GOOD.text });
  expect(contentOf({ phoneNumber: '+1', template: 'welcome' })).toEqual({
    kind: 'template',
    template: 'welcome',
    contentVariables: {},
  });
});
