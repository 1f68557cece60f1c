import type { TemplateEvent } from '@mersal/contracts';

/** What happened to the cache, before it is numbered for its way. */
export type RecordedEvent = Omit<TemplateEvent, 'producer' | 'sequence' | 'count' | 'hashes'>;

/** An event without its time: most events of a process are alike but for that. */
export type EventShape = Omit<RecordedEvent, 'at'>;
