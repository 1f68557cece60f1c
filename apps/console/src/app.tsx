import { useEffect, useState } from 'preact/hooks';
import { call, whenSignedOut } from './api.js';
import { useLive } from './live.js';
import { Login } from './login.jsx';
import { CachePage } from './pages/cache.jsx';
import { DeadPage } from './pages/dead.jsx';
import { MessagePage } from './pages/message.jsx';
import { MessagesPage } from './pages/messages.jsx';
import { OverviewPage } from './pages/overview.jsx';
import { TroublePage } from './pages/trouble.jsx';
import { link, type Route, useRoute } from './route.js';

const PAGES = [
  ['overview', 'Overview'],
  ['messages', 'Messages'],
  ['dead', 'Dead letters'],
  ['trouble', 'Trouble'],
  ['cache', 'Templates'],
] as const;

export function App() {
  const [signedIn, setSignedIn] = useState<boolean>();
  useEffect(() => {
    whenSignedOut(() => setSignedIn(false));
    call('GET', '/console/session').then(
      () => setSignedIn(true),
      () => setSignedIn(false),
    );
  }, []);
  if (signedIn === undefined) return null;
  if (!signedIn) return <Login onDone={() => setSignedIn(true)} />;
  return <Shell onSignOut={() => setSignedIn(false)} />;
}

function Shell({ onSignOut }: { readonly onSignOut: () => void }) {
  const route = useRoute();
  const live = useLive();
  const troubles = live.now ? live.now.queue.undecided + live.now.pauses + suspended(live.now) : 0;
  const badge: Readonly<Record<string, number>> = {
    dead: live.now?.queue.dead ?? 0,
    trouble: troubles,
    cache: live.now?.openAlerts ?? 0,
  };
  useEffect(() => {
    document.title = `Mersal · ${PAGES.find(([page]) => page === route.page)?.[1] ?? 'Message'}`;
  }, [route.page]);
  return (
    <>
      <a class="skip" href="#content">
        To the content
      </a>
      <header>
        <span class="name">
          Mersal <span lang="ar">مرسال</span>
        </span>
        <nav aria-label="Pages">
          {PAGES.map(([page, title]) => (
            <a key={page} href={link(page)} aria-current={route.page === page ? 'page' : undefined}>
              {title}
              {badge[page] ? <span class="badge">{badge[page]}</span> : null}
            </a>
          ))}
        </nav>
        <span class={`live ${live.connected ? 'good' : 'bad'}`} role="status">
          {live.connected ? 'live' : 'no connection'}
        </span>
        <button
          type="button"
          onClick={() => void call('DELETE', '/console/session').then(onSignOut, onSignOut)}
        >
          Sign out
        </button>
      </header>
      <main id="content" tabIndex={-1}>
        <PageOf route={route} live={live} />
      </main>
    </>
  );
}

function PageOf({ route, live }: { readonly route: Route; readonly live: ReturnType<typeof useLive> }) {
  switch (route.page) {
    case 'overview':
      return <OverviewPage live={live} />;
    case 'messages':
      return route.id === undefined ? (
        <MessagesPage query={route.query} />
      ) : (
        <MessagePage id={route.id} restaurantId={route.query['restaurantId']} />
      );
    case 'dead':
      return <DeadPage query={route.query} />;
    case 'trouble':
      return <TroublePage live={live} />;
    case 'cache':
      return <CachePage />;
    default:
      return <p>There is no such page.</p>;
  }
}

function suspended({
  restaurants,
}: {
  readonly restaurants: readonly { readonly status: string }[];
}): number {
  return restaurants.filter(({ status }) => status === 'suspended').length;
}
