import { EXIT, type ExitCode } from './exit-codes.js';

/** What a command found: once for programs, once for people. */
export interface Report {
  readonly json: unknown;
  readonly text: string;
  readonly exitCode: ExitCode;
}

export function report(json: unknown, text: string, exitCode: ExitCode = EXIT.ok): Report {
  return { json, text, exitCode };
}

/** Why a command gave up, in a sentence meant for its user. */
export class CliError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;
  constructor(code: string, message: string, exitCode: ExitCode = EXIT.failed) {
    super(message);
    this.name = 'CliError';
    this.code = code;
    this.exitCode = exitCode;
  }
}
