/** What the shell sees. Documented in the help of the command line. */
export const EXIT = {
  ok: 0,
  /** It was tried and failed, or the doctor found something wrong. */
  failed: 1,
  /** The call or the settings are wrong; nothing was tried. */
  usage: 2,
  /** Done, but somebody should look: a topic's settings differ, migrations wait. */
  attention: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
