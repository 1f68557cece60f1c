import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

export interface Loaded<T> {
  readonly data: T | undefined;
  readonly error: string | undefined;
  readonly reload: () => void;
}

/** What `load` gives, again whenever `key` changes, and every `everyMs` while the page is looked at. */
export function useLoaded<T>(key: string, load: () => Promise<T>, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error?: string }>({});
  const latest = useRef(load);
  latest.current = load;
  const round = useRef(0);
  const reload = useCallback(() => {
    round.current += 1;
    const mine = round.current;
    latest.current().then(
      (data) => {
        if (mine === round.current) setState({ data });
      },
      (error: unknown) => {
        if (mine === round.current) setState((before) => ({ ...before, error: (error as Error).message }));
      },
    );
  }, []);
  useEffect(() => {
    setState({});
    reload();
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [key, everyMs, reload]);
  return { data: state.data, error: state.error, reload };
}
