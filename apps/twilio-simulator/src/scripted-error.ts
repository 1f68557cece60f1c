import type { FaultRule } from './faults.js';
import { ProviderError } from './provider-error.js';

/** The error that a rule asks for; of code and HTTP status, either brings the other. */
export function scriptedError(rule: FaultRule): ProviderError {
  const usual: Readonly<Record<number, number>> = {
    401: 20003,
    403: 20403,
    404: 20404,
    429: 20429,
    500: 20500,
    503: 20503,
  };
  const statusOf = (code: number): number =>
    Number(Object.entries(usual).find(([, usualCode]) => usualCode === code)?.[0] ?? 400);
  const httpStatus = rule.httpStatus ?? (rule.code === undefined ? 500 : statusOf(rule.code));
  const code = rule.code ?? usual[httpStatus] ?? (httpStatus >= 500 ? 20500 : 20001);
  return new ProviderError(httpStatus, code, `scripted failure ${code}`, rule.retryAfterS);
}
