import { useState } from 'preact/hooks';
import { call } from './api.js';
import { Fault } from './parts.jsx';

export function Login({ onDone }: { readonly onDone: () => void }) {
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const key = new FormData(event.currentTarget as HTMLFormElement).get('key');
    setBusy(true);
    try {
      await call('POST', '/console/session', { key });
      onDone();
    } catch (failed) {
      setError((failed as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <h1>
        Mersal <span lang="ar">مرسال</span>
      </h1>
      <form onSubmit={(event) => void submit(event)}>
        <label for="key">Admin key</label>
        <input
          id="key"
          name="key"
          type="password"
          autocomplete="current-password"
          required
          autofocus
          aria-describedby="hint"
        />
        <p id="hint" class="muted">
          Made by <code>npx mersal keys create --scopes admin</code>; under <code>npm start</code> it is{' '}
          <code>adminToken</code> in <code>.local/stack.json</code>.
        </p>
        <button type="submit" class="primary" disabled={busy}>
          Sign in
        </button>
        <Fault text={error} />
      </form>
    </main>
  );
}
