/** An event as a reader gets it. */
export interface ReadEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

export interface EventReader {
  readonly status: number;
  readonly headers: Headers;
  readonly events: ReadEvent[];
  readonly comments: string[];
  /** True once the server ended it. */
  ended: boolean;
  close(): void;
}

/** Reads server-sent events as a browser does. */
export async function readEvents(
  url: string,
  given: { readonly key: string; readonly lastEventId?: string | undefined },
): Promise<EventReader> {
  const abort = new AbortController();
  const answer = await fetch(url, {
    signal: abort.signal,
    headers: {
      authorization: `Bearer ${given.key}`,
      accept: 'text/event-stream',
      ...(given.lastEventId === undefined ? {} : { 'last-event-id': given.lastEventId }),
    },
  });
  const reader: EventReader = {
    status: answer.status,
    headers: answer.headers,
    events: [],
    comments: [],
    ended: false,
    close: () => abort.abort(),
  };
  void (async () => {
    let rest = '';
    try {
      for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const blocks = (rest + chunk).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) take(reader, block);
      }
    } catch (error) {
      // Closed by the test, or the process at the other end died.
      if (!(error instanceof Error)) throw error;
    }
    reader.ended = true;
  })();
  return reader;
}

function take(reader: EventReader, block: string): void {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const data = fields.get('data');
  if (data === undefined) {
    reader.comments.push(block);
    return;
  }
  reader.events.push({
    id: fields.get('id') ?? '',
    event: fields.get('event') ?? '',
    data: JSON.parse(data) as Record<string, unknown>,
  });
}
