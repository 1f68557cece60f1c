import { ConfigError } from '@mersal/config';
import { LedgerError } from '@mersal/ledger';
import { maskText } from '@mersal/telemetry';
import { type Command, CommanderError } from 'commander';
import { cliLogger } from './connections.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { createProgram } from './program.js';
import { CliError, type Report } from './report.js';
import { type Environment, readSettings } from './settings.js';
import type { Terminal } from './terminal.js';

export interface CliWorld {
  readonly env: Environment;
  readonly cwd: string;
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
  /** All of stdin; empty at a terminal. */
  readonly readInput: () => Promise<string>;
  readonly now?: () => number;
  /** Absent: nobody is there to be asked. */
  readonly terminal?: Terminal;
  /** Calls back once, at the user's wish to end; returns how to stop listening. Absent: there is no such wish. */
  readonly onInterrupt?: (listener: () => void) => () => void;
}

/** Runs one command line. Never rejects: whatever happens becomes a sentence on stderr and an exit code. */
export async function runCli(args: readonly string[], world: CliWorld): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  let asJson = args.includes('--json');
  const program = createProgram({
    settings: () => readSettings(world.env, world.cwd),
    logger: cliLogger(world.writeErr, world.env['LOG_LEVEL'] || 'fatal'),
    readInput: world.readInput,
    now: world.now ?? Date.now,
    writeErr: world.writeErr,
    // Who asks for JSON is a program, or wants to be treated as one.
    terminal: () => (asJson ? undefined : world.terminal),
    interruptible: (work) => interruptible(world, work),
    tell: (progress) => {
      if (!asJson) world.writeErr(`${progress}\n`);
    },
    show: (answer: Report) => {
      exitCode = answer.exitCode;
      world.writeOut(asJson ? `${JSON.stringify(answer.json, undefined, 2)}\n` : `${answer.text}\n`);
    },
  });
  for (const command of withSubcommands(program)) {
    command.exitOverride();
    command.configureOutput({ writeOut: world.writeOut, writeErr: world.writeErr });
  }
  program.hook('preAction', () => {
    asJson = program.opts<{ json?: boolean }>().json === true;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    // commander has written its own sentence already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = failureOf(error);
    exitCode = failure.exitCode;
    world.writeErr(
      asJson
        ? `${JSON.stringify({ error: { code: failure.code, message: failure.message } })}\n`
        : `mersal: ${failure.message}\n`,
    );
  }
  return exitCode;
}

async function interruptible<T>(world: CliWorld, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const stop = world.onInterrupt?.(() =>
    interrupted.abort(new CliError('interrupted', 'interrupted', EXIT.failed)),
  );
  try {
    return await work(interrupted.signal);
  } finally {
    stop?.();
  }
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function failureOf(error: unknown): { code: string; message: string; exitCode: ExitCode } {
  if (error instanceof CliError) return error;
  if (error instanceof ConfigError) return { code: error.code, message: error.message, exitCode: EXIT.usage };
  if (error instanceof LedgerError)
    return { code: error.code, message: error.message, exitCode: EXIT.failed };
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
  return { code, message: maskText(message) || code, exitCode: EXIT.failed };
}
