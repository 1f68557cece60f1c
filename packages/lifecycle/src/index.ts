export { drainMs } from './drain.js';
export { type Check, listenProbes, type ProbeOptions, type Probes } from './probes.js';
export { type Release, Releases } from './releases.js';
export { runService, type Scope, type ServiceLogger, type ServiceOptions } from './service.js';
