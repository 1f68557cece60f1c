import { createRequire, Module } from 'node:module';

const load = createRequire(import.meta.url);

/**
 * Gives kafkajs another module in the place of one of its own. It goes into the cache of modules, so this has to happen before
 * kafkajs is loaded, and kafkajs is pinned to the version that the other one was made for.
 */
export function replaceModule(path: string, exports: unknown): void {
  const place = load.resolve(path);
  // Put there unread: hooks on require, as telemetry's, would keep on giving out what was loaded first.
  load.cache[place] = Object.assign(new Module(place), { filename: place, loaded: true, exports });
}
