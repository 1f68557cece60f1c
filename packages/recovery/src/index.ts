export { type LogOptions, logReaders, type Span, spanOf } from './kafka-log.js';
export { Pace, type PaceOptions } from './pace.js';
export {
  type Letter,
  type Redriven,
  redrive,
  type RedriveAddress,
  type RedriveOrder,
  type RedriveParts,
} from './redrive.js';
export {
  MOST_MISSING,
  type ReadPart,
  replay,
  type ReplayOrder,
  type ReplayParts,
  type ReplayProgress,
  TooManyMissing,
} from './replay.js';
export type { Tally } from './tally.js';
export { letterId, RECORD_ID, shownLetter, uOfLetter } from './shown-letter.js';
