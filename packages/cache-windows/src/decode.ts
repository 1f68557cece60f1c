import { decodeData, type TemplateEvent, UndecodableRecord } from '@mersal/contracts';

const TYPE = 'mersal.template.event.v1';

/** The event of a record, or why it has none. Of its headers only the type is read: they are a third of the work. */
export function decodeTemplateEvent(record: {
  readonly headers: Readonly<Record<string, Buffer>>;
  readonly value: Buffer | null;
}): { event: TemplateEvent } | { reason: string } {
  const type = record.headers['ce_type']?.toString('utf8');
  if (type === undefined) return { reason: 'the record has no CloudEvents headers' };
  if (type !== TYPE) return { reason: `not a template event: ${type.slice(0, 80)}` };
  try {
    return { event: decodeData(TYPE, record.value) };
  } catch (error) {
    if (!(error instanceof UndecodableRecord)) throw error;
    return { reason: error.message };
  }
}
