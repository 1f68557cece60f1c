export { decodeTemplateEvent } from './decode.js';
export { type Cause, type Diagnosis, diagnoseAll, diagnoseKey, type Evidence } from './diagnosis.js';
export { type AppendedEvent, foldEvents, type Folded } from './fold.js';
export {
  type Alert,
  type Judgement,
  judgeWindow,
  MOST_KEYS_JUDGED,
  type WindowSource,
  type WindowSums,
} from './judge.js';
export {
  type Counts,
  judgeable,
  type KeyTotal,
  LATENESS_MS,
  type MissPane,
  type MissReason,
  NONE,
  PANE_MS,
  type Pane,
  paneOf,
  WINDOW_MS,
} from './panes.js';
export { ShadowPanes } from './shadow.js';
export { SPIKE_LIMITS, type SpikeLimits, spikeStep } from './spike.js';
export {
  type AlertDifference,
  type AlertEnd,
  compareReplay,
  type MinuteCounts,
  type MinuteDifference,
  type Recorded,
  type ReplayReport,
} from './replay.js';
