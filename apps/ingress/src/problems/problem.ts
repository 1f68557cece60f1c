import { type ProblemCode, problems } from '@mersal/contracts';

/** One thing that is wrong with a request; `pointer` is a JSON pointer (RFC 6901) into its body, or a query parameter. */
export interface Fault {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/** RFC 9457, as it is sent. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail?: string;
  readonly errors?: readonly Fault[];
  /** Of a send that was not acknowledged: whether it may be sent all the same. */
  readonly accepted?: false | 'unknown';
}

export interface ProblemDetails {
  readonly detail?: string;
  readonly errors?: readonly Fault[];
  readonly accepted?: false | 'unknown';
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An answer that is an error. Thrown anywhere in a request; `detail` is shown to the caller. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly details: ProblemDetails;

  constructor(code: ProblemCode, details: ProblemDetails = {}) {
    super(
      details.detail ?? problems[code].title,
      details.cause === undefined ? {} : { cause: details.cause },
    );
    this.name = 'Problem';
    this.code = code;
    this.status = problems[code].status;
    this.details = details;
  }

  get body(): ProblemBody {
    const { detail, errors, accepted } = this.details;
    return {
      type: `urn:mersal:problem:${this.code}`,
      title: problems[this.code].title,
      status: this.status,
      code: this.code,
      ...(detail === undefined ? {} : { detail }),
      ...(errors === undefined ? {} : { errors }),
      ...(accepted === undefined ? {} : { accepted }),
    };
  }
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';
/** Of a 503, in s. */
const RETRY_AFTER_S = 2;

/** The header of every answer that says "later". */
export const retryAfter: Readonly<Record<string, string>> = { 'retry-after': String(RETRY_AFTER_S) };
