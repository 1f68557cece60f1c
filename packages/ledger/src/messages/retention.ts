import type { Statement } from '../database.js';

export interface Retention {
  /** Bodies, attempts, callbacks and events of final messages older than this go, in ms. */
  readonly detailMs: number;
  /**
   * Their ids go too after this, in ms. It must be longer than any topic keeps its records: an id that is forgotten earlier
   * would be sent again by a replay.
   */
  readonly idMs: number;
}

/** `most` messages of each age at a time, the oldest first; records that could not be filed go with the detail. */
export function prunePage(retention: Retention, most: number): Statement {
  return {
    name: 'prune-page',
    text: 'select prune_page($1, $2, $3) as n',
    values: [retention.detailMs, retention.idMs, most],
  };
}
