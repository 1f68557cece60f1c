/** What the shell sees. Documented in the help of the command line. */
export const EXIT = {
  ok: 0,
  /** It was tried and failed, or the doctor found something wrong. */
  failed: 1,
  /** The call or the settings are wrong; nothing was tried. */
  usage: 2,
  /**
   * Done, but somebody should look: a topic's settings differ, migrations wait, outcomes have to be decided, conversations do
   * not move, a dead letter that was named can not be put back, messages have to end before they can be erased.
   */
  attention: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
