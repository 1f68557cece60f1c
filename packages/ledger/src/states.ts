/** message.state in the tables; direct: under way without the queue, see claimDirect. Gaps leave room; the numbers are stored, so they never change their meaning. */
export const MESSAGE = {
  waiting: 0,
  direct: 1,
  retrying: 2,
  scheduled: 3,
  held: 4,
  unknown: 5,
  sent: 10,
  failed: 11,
  delivered: 12,
  read: 13,
  dead: 20,
  cancelled: 21,
  expired: 22,
  refused: 23,
} as const;
export type StoredState = (typeof MESSAGE)[keyof typeof MESSAGE];

/*
 * lane.state
 *
 *            claim                settle: final ─► next head, or the lane is gone
 *   open ───────────► sending ───┤
 *    ▲  ▲                │       └ settle: repeat ─► retrying ─┐
 *    │  └── release ─────┤                                     │ the retry's record is admitted
 *    │                   └ lease ends ─► unknown ─┐            │
 *    └──────────── reconciled ◄───────────────────┘            │
 *    └─────────────────────────────────────────────────────────┘
 */
export const LANE = { open: 0, sending: 1, unknown: 2, retrying: 3, held: 4 } as const;
export type LaneState = (typeof LANE)[keyof typeof LANE];
