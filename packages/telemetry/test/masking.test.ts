import { createLogger, maskPhone, maskText, serializeError } from '@mersal/telemetry';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const PHONE = '+966500000123';
const TOKEN = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const KEY = 'mk_AbCdEf0123456789AbCd';
const TEXT = 'طلبك جاهز للاستلام';

function logging(work: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  work(
    createLogger({
      service: 'test',
      instance: 'one',
      level: 'trace',
      destination: { write: (line) => void lines.push(line) },
    }),
  );
  return lines.join('');
}

describe('masking', () => {
  it('shows five signs and two of a number', () => {
    expect(maskPhone(`whatsapp:${PHONE}`)).toBe('whatsapp:+9665…23');
  });
  it('leaves no number whole, wherever it stands', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[1-9]\d{7,14}$/), fc.string(), fc.string(), (digits, before, after) => {
        expect(maskText(`${before}+${digits}${after}`)).not.toContain(digits);
      }),
    );
  });
  it.each([
    [`Authorization: Bearer ${TOKEN}`, TOKEN],
    [`authorization: basic ${TOKEN}`, TOKEN],
    [`postgres://mersal:${TOKEN}@db:5432/mersal`, TOKEN],
    [`bad key ${KEY}`, KEY],
    [`redis://:${TOKEN}@cache`, TOKEN],
  ])('hides what %s quotes', (text, secret) => expect(maskText(text)).not.toContain(secret));
  it('leaves ordinary text as it is', () => {
    expect(maskText('connect ECONNREFUSED 127.0.0.1:9092 after 30000 ms')).toBe(
      'connect ECONNREFUSED 127.0.0.1:9092 after 30000 ms',
    );
  });
});

describe('a log line', () => {
  it('has none of the fields that are secret or personal, on two levels', () => {
    const said = logging((log) => {
      const fields = { to: PHONE, from: PHONE, phoneNumber: PHONE, text: TEXT, body: TEXT };
      const secrets = {
        authToken: TOKEN,
        authorization: `Bearer ${TOKEN}`,
        apiKey: KEY,
        password: TOKEN,
        token: TOKEN,
      };
      log.info({ ...fields, ...secrets }, 'flat');
      log.info({ send: fields, account: secrets }, 'nested');
    });
    for (const secret of [PHONE, TOKEN, KEY, TEXT]) expect(said).not.toContain(secret);
    expect(said).toContain('"msg":"flat"');
    expect(said).toContain('"msg":"nested"');
  });
  it('has of an error its kind, code, message and stack only, masked', () => {
    const cause = Object.assign(new Error(`reset while sending to ${PHONE}`), { config: { data: TEXT } });
    const error = Object.assign(new TypeError(`Basic ${TOKEN} was refused`, { cause }), {
      code: 'ERR_BAD',
      config: { headers: { Authorization: `Basic ${TOKEN}` }, data: TEXT },
    });
    const said = logging((log) => {
      log.error({ err: error }, 'failed');
      log.error({ error }, 'failed');
      log.error(error, 'failed');
    });
    for (const secret of [PHONE, TOKEN, TEXT]) expect(said).not.toContain(secret);
    const [line] = said.split('\n');
    expect(JSON.parse(line ?? '')).toMatchObject({
      err: { type: 'TypeError', code: 'ERR_BAD', message: 'Basic … was refused', cause: { type: 'Error' } },
    });
  });
  it('survives what is thrown but is no error', () => {
    expect(serializeError(`token ${KEY}`)).toEqual({ type: 'string', message: 'token mk_…' });
    expect(serializeError(undefined)).toEqual({ type: 'undefined', message: 'undefined' });
  });
});
