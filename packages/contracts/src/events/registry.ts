import type { z } from 'zod';
import { callbackReceived } from './callback.js';
import { messageOutcome } from './outcome.js';
import { sendRedrive, sendRequested, sendRetry } from './send.js';
import { templateAlert, templateEvent } from './template.js';

/**
 * Every event type ever published, by its CloudEvents type. A new version is a new entry; an old one stays, so
 * that records in the log remain readable.
 */
export const eventSchemas = {
  'mersal.send.requested.v1': sendRequested,
  'mersal.send.retry.v1': sendRetry,
  'mersal.send.redrive.v1': sendRedrive,
  'mersal.callback.received.v1': callbackReceived,
  'mersal.message.outcome.v1': messageOutcome,
  'mersal.template.event.v1': templateEvent,
  'mersal.template.alert.v1': templateAlert,
} as const;

export type EventType = keyof typeof eventSchemas;
export type EventOf<T extends EventType> = z.infer<(typeof eventSchemas)[T]>;

/** A record that can't be read: it goes to the dead-letter topic as it is. */
export class UndecodableRecord extends Error {
  readonly code: 'no_event_headers' | 'unknown_type' | 'not_json' | 'schema_mismatch';
  constructor(code: UndecodableRecord['code'], message: string) {
    super(message);
    this.name = 'UndecodableRecord';
    this.code = code;
  }
}
