import { execFileSync } from 'node:child_process';

/** The name of the function that kafkajs finds at a place of its own, in a process where telemetry has its hooks on require. */
export function loadedBehindHooks(place: string): string {
  const kafka = new URL('../dist/index.js', import.meta.url).href;
  const telemetry = new URL('../../telemetry/dist/register.js', import.meta.url).href;
  const script = `await import('${kafka}');
    const { createRequire } = await import('node:module');
    console.log(createRequire('${kafka}')('${place}').name);`;
  const args = ['--import', telemetry, '--input-type=module', '-e', script];
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim();
}
