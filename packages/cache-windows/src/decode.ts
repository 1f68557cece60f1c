import { decodeEvent, type TemplateEvent, UndecodableRecord } from '@mersal/contracts';

/** The event of a record, or why it has none. */
export function decodeTemplateEvent(record: {
  readonly headers: Readonly<Record<string, Buffer>>;
  readonly value: Buffer | null;
}): { event: TemplateEvent } | { reason: string } {
  try {
    const decoded = decodeEvent(record.headers, record.value);
    if (decoded.type !== 'mersal.template.event.v1')
      return { reason: `not a template event: ${decoded.type}` };
    return { event: decoded.data };
  } catch (error) {
    if (!(error instanceof UndecodableRecord)) throw error;
    return { reason: error.message };
  }
}
