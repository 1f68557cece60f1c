/** An answer that is an error, as the API gives it. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

interface Problem {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
}

/** Called when the session has ended. */
let onSignedOut = (): void => undefined;
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(path, {
    method,
    credentials: 'same-origin',
    headers: {
      // No other site can send this one: it proves that the request is ours.
      'x-mersal-console': '1',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  if (answer.status === 401 && path !== '/console/session') onSignedOut();
  const faults = problem.errors
    ?.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`.trim())
    .join('; ');
  const said = faults ?? problem.detail ?? problem.title ?? `the answer was ${answer.status}`;
  throw new ApiError(answer.status, problem.code ?? '', said);
}

export const get = <T>(path: string): Promise<T> => call<T>('GET', path);

/** A path with those parameters that have a value. */
export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
