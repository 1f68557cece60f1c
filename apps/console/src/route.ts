import { useEffect, useState } from 'preact/hooks';

/** The page and its parameters, as the address' fragment has them: `#/messages/m1?restaurantId=zafran`. */
export interface Route {
  readonly page: string;
  readonly id: string | undefined;
  readonly query: Readonly<Record<string, string>>;
}

export function parse(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', id] = path.split('/').map(decodeURIComponent);
  return {
    page: page === '' ? 'overview' : page,
    id: id === '' ? undefined : id,
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

export function link(page: string, id?: string, query: Readonly<Record<string, string>> = {}): string {
  const search = new URLSearchParams(query).toString();
  const path = id === undefined ? page : `${page}/${encodeURIComponent(id)}`;
  return `#/${path}${search === '' ? '' : `?${search}`}`;
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = (): void => setRoute(parse(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}
