/** Resolves after the time, or as soon as one of the signals is aborted. Leaves nothing behind on the signals. */
export function interruptibleSleep(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    for (const signal of signals) signal.addEventListener('abort', wake);
    if (signals.some((signal) => signal.aborted)) wake();
  });
}
