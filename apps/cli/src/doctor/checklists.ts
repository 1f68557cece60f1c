import { type Finding, summed, unknown } from './finding.js';

/** Everything that was looked at, by what the checklists ask for. */
export interface Findings {
  readonly environment: Finding;
  readonly postgres: Finding;
  readonly postgresClock: Finding;
  readonly kafka: Finding;
  readonly partitions: Finding;
  readonly redis: Finding;
  readonly redisClock: Finding;
  readonly ingress: Finding;
  readonly workers: Finding;
  readonly responseTime: Finding;
  readonly queue: Finding;
  readonly failures: Finding;
  readonly hitRate: Finding;
  readonly spikes: Finding;
  readonly logs: Finding;
}

/** The reference's two lists, point by point. */
export function checklists(found: Findings): { deployment: readonly Finding[]; health: readonly Finding[] } {
  return {
    deployment: [
      summed('Redis server running', [found.redis]),
      summed('Database migrations applied', [found.postgres]),
      summed('Worker process started', [found.workers]),
      summed('Environment variables configured', [found.environment]),
      summed('Monitoring endpoints accessible', [found.ingress]),
      unknown('Tests passing', 'not looked at from here', 'run `npm test`'),
      summed('Logs configured', [found.logs]),
    ],
    health: [
      summed('Queue metrics show reasonable numbers', [found.queue]),
      summed('Cache hit rate >90%', [found.hitRate]),
      summed('No spike alerts in logs', [found.spikes]),
      summed('Worker process running', [found.workers]),
      summed('Failed jobs <1% of total', [found.failures]),
      summed('Response times normal', [found.responseTime]),
    ],
  };
}
