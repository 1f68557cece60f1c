import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

export function Tile({
  label,
  value,
  tone,
  href,
}: {
  readonly label: string;
  readonly value: string;
  readonly tone?: 'bad' | 'warn' | undefined;
  readonly href?: string;
}) {
  const inner = (
    <>
      <span class="tile-label">{label}</span>
      <span class="tile-value">{value}</span>
    </>
  );
  const kind = `tile ${tone ?? ''}`;
  return href === undefined ? (
    <div class={kind}>{inner}</div>
  ) : (
    <a class={kind} href={href}>
      {inner}
    </a>
  );
}

export function Status({ of }: { readonly of: string }) {
  return <span class={`status ${TONES[of] ?? ''}`}>{of}</span>;
}

const TONES: Readonly<Record<string, string>> = {
  delivered: 'good',
  read: 'good',
  sent: 'good',
  active: 'good',
  good: 'good',
  fair: 'good',
  closed: 'good',
  dead: 'bad',
  failed: 'bad',
  suspended: 'bad',
  poor: 'bad',
  open: 'bad',
  'half-open': 'warn',
  unknown: 'warn',
  held: 'warn',
  retrying: 'warn',
  paused: 'warn',
  degraded: 'warn',
  expired: 'warn',
};

/** A table that becomes a list of cards on a narrow screen: `data-label` names each cell there. */
export function Table<T>({
  rows,
  columns,
  rowKey,
  empty,
}: {
  readonly rows: readonly T[] | undefined;
  readonly columns: readonly {
    readonly name: string;
    readonly cell: (row: T) => ComponentChildren;
    readonly number?: boolean;
  }[];
  readonly rowKey: (row: T) => string;
  readonly empty: string;
}) {
  if (rows === undefined)
    return (
      <p class="muted" role="status">
        Loading…
      </p>
    );
  if (rows.length === 0) return <p class="muted">{empty}</p>;
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {columns.map(({ name, number }) => (
              <th key={name} scope="col" class={number ? 'number' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map(({ name, cell, number }) => (
                <td key={name} data-label={name} class={number ? 'number' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Fault({ text }: { readonly text: string | undefined }) {
  return text === undefined ? null : (
    <p class="fault" role="alert">
      {text}
    </p>
  );
}

/** A button whose work is done once at a time, after a question where one is given. */
export function Action({
  label,
  ask,
  run,
  danger,
}: {
  readonly label: string;
  readonly ask?: string;
  readonly run: () => Promise<string | undefined>;
  readonly danger?: boolean;
}) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<{ readonly text: string; readonly bad: boolean }>();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (asking) dialog.current?.showModal();
  }, [asking]);
  const work = async (): Promise<void> => {
    setAsking(false);
    setBusy(true);
    setSaid(undefined);
    try {
      const text = await run();
      if (text !== undefined) setSaid({ text, bad: false });
    } catch (error) {
      setSaid({ text: (error as Error).message, bad: true });
    } finally {
      setBusy(false);
    }
  };
  return (
    <span class="action">
      <button
        type="button"
        class={danger ? 'danger' : undefined}
        disabled={busy}
        onClick={() => (ask === undefined ? void work() : setAsking(true))}
      >
        {busy ? '…' : label}
      </button>
      {said && (
        <span class={said.bad ? 'fault' : 'muted'} role="status">
          {said.text}
        </span>
      )}
      {asking && (
        <dialog ref={dialog} onClose={() => setAsking(false)}>
          <p dir="auto">{ask}</p>
          <div class="buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Leave it
            </button>
            <button type="button" class={danger ? 'danger' : 'primary'} onClick={() => void work()}>
              {label}
            </button>
          </div>
        </dialog>
      )}
    </span>
  );
}
