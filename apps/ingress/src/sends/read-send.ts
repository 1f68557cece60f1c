import type { SendContent } from '@mersal/contracts';
import type { Fault } from '../problems/problem.js';
import { toFaults } from '../problems/zod-faults.js';
import { isDeeperThan } from './body-hash.js';
import { whatsappAddress } from './phone-number.js';
import { LONGEST_DELAY_MS, MAX_DEPTH, MAX_METADATA_BYTES, type SendBody, sendBody } from './send-body.js';

export type ReadSend =
  | { readonly ok: true; readonly body: SendBody }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/**
 * A request's body with all its faults at once: those of each field, and those between fields.
 *
 * @param fromNumbers the restaurant's; undefined where no restaurant could be found, which is a fault of its own
 * @param now ms since 1970
 */
export function readSend(raw: unknown, fromNumbers: readonly string[] | undefined, now: number): ReadSend {
  if (isDeeperThan(raw, MAX_DEPTH)) {
    return {
      ok: false,
      faults: [{ pointer: '', code: 'too_deep', message: `must not nest deeper than ${MAX_DEPTH} levels` }],
    };
  }
  const parsed = sendBody.safeParse(raw);
  const faults = parsed.success ? [] : toFaults(parsed.error.issues);
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) {
    faults.push(...relationFaults(raw as Record<string, unknown>, fromNumbers, now));
  }
  return parsed.success && faults.length === 0 ? { ok: true, body: parsed.data } : { ok: false, faults };
}

/** Exactly one of the three is there: see relationFaults. */
export function contentOf(body: SendBody): SendContent {
  const contentVariables = body.contentVariables ?? {};
  if (body.text !== undefined) return { kind: 'text', text: body.text };
  if (body.contentSid !== undefined) {
    return { kind: 'contentSid', contentSid: body.contentSid, contentVariables };
  }
  return { kind: 'template', template: body.template ?? '', contentVariables };
}

const KINDS = ['text', 'contentSid', 'template'] as const;

function relationFaults(
  raw: Record<string, unknown>,
  fromNumbers: readonly string[] | undefined,
  now: number,
): Fault[] {
  const faults: Fault[] = [];
  const add = (pointer: string, code: string, message: string): void => {
    faults.push({ pointer, code, message });
  };
  const kinds = KINDS.filter((kind) => raw[kind] !== undefined);
  if (kinds.length === 0) add('/text', 'required', 'one of text, contentSid or template must be given');
  for (const kind of kinds.slice(1)) add(`/${kind}`, 'exclusive', `can't be given together with ${kinds[0]}`);
  if (raw['contentVariables'] !== undefined && kinds.length === 1 && kinds[0] === 'text') {
    add('/contentVariables', 'exclusive', 'belongs to contentSid or template, not to text');
  }

  const from = typeof raw['fromNumber'] === 'string' ? whatsappAddress(raw['fromNumber']) : undefined;
  if (from !== undefined && fromNumbers !== undefined && !fromNumbers.map(whatsappAddress).includes(from)) {
    add('/fromNumber', 'not_yours', "must be one of the restaurant's numbers");
  }

  const [sendAt, expiresAt] = [timeOf(raw['sendAt']), timeOf(raw['expiresAt'])];
  if (sendAt > now + LONGEST_DELAY_MS) add('/sendAt', 'too_late', 'must be at most 30 days ahead');
  if (expiresAt <= now) add('/expiresAt', 'in_the_past', 'must be in the future');
  if (expiresAt <= sendAt) add('/expiresAt', 'before_send_at', 'must be after sendAt');

  if (
    raw['metadata'] !== undefined &&
    Buffer.byteLength(JSON.stringify(raw['metadata'])) > MAX_METADATA_BYTES
  ) {
    add('/metadata', 'too_big', `must be at most ${MAX_METADATA_BYTES} bytes of JSON`);
  }
  return faults;
}

/** NaN where there is no readable time: every comparison with it is false. */
function timeOf(value: unknown): number {
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}
