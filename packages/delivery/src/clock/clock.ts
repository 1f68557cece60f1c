/** All that the sender knows of time: nothing in it looks at another clock or sets a timer of its own. */
export interface Clock {
  /** Monotonic, in ms. */
  now(): number;
  /** ms since 1970; may jump. */
  wall(): number;
  /** Resolves after `ms`, or once the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls once after `ms`; keeps no process alive. Returns how to cancel it. */
  after(ms: number, run: () => void): () => void;
  /** Calls again and again, the first time after `ms`. Returns how to stop it. */
  every(ms: number, run: () => void): () => void;
  /** Resolves when what has arrived by now was handled. */
  turn(): Promise<void>;
}
