import { EXIT } from '../exit-codes.js';
import { CliError } from '../report.js';

/** The time that an option names in ISO 8601, in ms since 1970. Throws CliError `time_invalid`. */
export function readTime(option: string, text: string): number {
  const time = /^\d{4}-\d{2}-\d{2}(T.*)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new CliError('time_invalid', `${option} is an ISO time such as 2026-11-24T12:00:00Z`, EXIT.usage);
  return time;
}
