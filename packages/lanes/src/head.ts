/** The first waiting message of a conversation. */
export interface Head {
  readonly tenant: number;
  /** The conversation's number. */
  readonly lane: string;
  readonly u: string;
  /** 0–10, higher first. */
  readonly priority: number;
  /** Its place in the order of acceptance. */
  readonly seq: number;
}

/** Negative when `a` goes before `b`: by priority, then by place. */
export function byPriority(a: Head, b: Head): number {
  return b.priority - a.priority || a.seq - b.seq;
}
