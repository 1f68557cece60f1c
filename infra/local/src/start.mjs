/**
 * `npm start`: the whole product on this machine, from a fresh clone. Until npm ci has run, nothing here may import more
 * than Node's own modules.
 */
import { EngineError } from './engines/engine-error.mjs';
import { parseOptions, usage, UsageError } from './options.mjs';
import { root, statePaths } from './paths.mjs';
import { Progress } from './progress.mjs';
import { AlreadyRunning } from './run-lock.mjs';
import { Stack } from './stack.mjs';
import { StopSignals } from './stop-signals.mjs';

/** Exit codes: 0 done or stopped on request, 1 failed, 2 a command line that can't be understood, 130 forced. */
async function main() {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const progress = new Progress();
  const stack = new Stack({ root, paths: statePaths(), options, env: process.env, progress });
  /** @type {() => void} */
  let asked = () => {};
  const stopAsked = new Promise((resolve) => {
    asked = () => resolve(undefined);
  });
  new StopSignals({
    onStop: () => {
      progress.line('stopping (again to force)');
      asked();
      // Its failures are told where it is awaited, below.
      stack.stop().catch(() => {});
    },
    onForce: () => {
      progress.line('forced');
      void stack.kill().finally(() => process.exit(130));
    },
  }).listen();
  try {
    const ready = await stack.start();
    show(progress, ready);
    if (options.traffic) {
      const { good } = await stack.demo();
      if (options.once) return good ? 0 : 1;
    }
    progress.line('running; Ctrl-C stops everything');
    await stopAsked;
    return 0;
  } catch (error) {
    if (stack.stopping) return options.once ? 1 : 0;
    throw error;
  } finally {
    await stack.stop();
  }
}

/** @param {Progress} progress @param {{ ingress: string, twilio: string, ownProvider: boolean }} ready */
function show(progress, { ingress, twilio, ownProvider }) {
  progress.line(`
  console   ${ingress}/console
  API       ${ingress}/docs
  metrics   ${ingress}/api/queue/metrics  ${ingress}/api/cache/metrics
  provider  ${twilio}${ownProvider ? ' (simulator)' : ''}
  log       logs/app.log        addresses and keys: .local/stack.json
`);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${usage}`);
    process.exitCode = 2;
  } else if (error instanceof EngineError || error instanceof AlreadyRunning) {
    console.error(error.message);
    process.exitCode = 1;
  } else {
    console.error(error);
    process.exitCode = 1;
  }
}
// Streams of ended children may linger; everything that had to end has ended.
process.exit();
