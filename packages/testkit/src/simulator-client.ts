/** What the simulator saw: the judge in every test of the whole pipeline. */
export interface SeenRequest {
  /** ms since 1970. */
  readonly receivedAt: number;
  readonly finishedAt: number | null;
  readonly account: string;
  readonly to: string;
  readonly body: string;
  readonly status: number | null;
  readonly sid: string | null;
  readonly messageId: string | null;
  readonly attempt: number | null;
}

export interface SimulatorStats {
  readonly total: number;
  readonly accepted: number;
  readonly maxPerSecond: number;
  readonly duplicates: number;
  readonly duplicateIds: readonly string[];
  readonly accounts: Readonly<Record<string, { readonly accepted: number; readonly maxInFlight: number }>>;
}

export class SimulatorClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async requests(): Promise<SeenRequest[]> {
    const text = await (await fetch(`${this.url}/_simulator/requests`)).text();
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as SeenRequest);
  }

  async stats(): Promise<SimulatorStats> {
    return (await (await fetch(`${this.url}/_simulator/stats`)).json()) as SimulatorStats;
  }

  /** Replaces the script of faults. */
  async faults(script: object): Promise<void> {
    const answer = await fetch(`${this.url}/_simulator/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(script),
    });
    if (!answer.ok) throw new Error(`the simulator refused the faults: ${await answer.text()}`);
  }

  async clearFaults(): Promise<void> {
    await fetch(`${this.url}/_simulator/faults`, { method: 'DELETE' });
  }
}
