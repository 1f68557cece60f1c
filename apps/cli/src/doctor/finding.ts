/** What was found out about one thing. Unknown is neither good nor bad: it could not be looked at from here. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'bad' | 'unknown';
  readonly detail: string;
  /** What to do about it, where it is not ok. */
  readonly advice?: string;
}

export function ok(name: string, detail: string): Finding {
  return { name, state: 'ok', detail };
}

export function bad(name: string, detail: string, advice: string): Finding {
  return { name, state: 'bad', detail, advice };
}

export function unknown(name: string, detail: string, advice: string): Finding {
  return { name, state: 'unknown', detail, advice };
}

/** The worst of several findings under one name: bad before unknown before ok. */
export function summed(name: string, findings: readonly Finding[]): Finding {
  const worst =
    findings.find((one) => one.state === 'bad') ??
    findings.find((one) => one.state === 'unknown') ??
    findings[0];
  return worst ? { ...worst, name } : unknown(name, 'nothing to look at', 'start the stack');
}

const PATIENCE_MS = 8_000;

/** Runs a check; one that fails or takes too long is a finding and no failure of the doctor's. */
export function examine(name: string, advice: string, check: () => Promise<Finding>): Promise<Finding> {
  return settle(check, (detail) => bad(name, detail, advice));
}

/** The same for what is asked of `engine`, which has a finding of its own: where it does not answer, nothing is known of this. */
export function examineThrough(
  engine: string,
  name: string,
  check: () => Promise<Finding>,
): Promise<Finding> {
  return settle(check, (detail) => unknown(name, detail, `see the finding on ${engine}`));
}

async function settle(
  check: () => Promise<Finding>,
  onFailure: (detail: string) => Finding,
): Promise<Finding> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => resolve(onFailure(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    const text = error instanceof Error ? error.message || error.name : String(error);
    return onFailure(text.replace(/:\/\/[^/@\s]+@/g, '://…@'));
  } finally {
    clearTimeout(timer);
  }
}
