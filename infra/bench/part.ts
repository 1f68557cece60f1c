import type { EngineAddresses } from '@mersal/testkit';

/** One line of the table. `ratio`: measured against its target or its peer, where that says more than the number. */
export interface Row {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  readonly ratio?: number;
  /** Null: shown for comparison, no target of its own. */
  readonly met: boolean | null;
  /** Single figures behind it, for the results' file. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface BenchContext {
  readonly engines: EngineAddresses;
  /** The processes of the engines, for their CPU time. */
  readonly pids: { readonly kafka: number; readonly redis: number; readonly postgres: number };
  /** Where Kafka keeps its logs. */
  readonly kafkaDirectory: string;
  readonly quick: boolean;
  /** Where a CPU profile of the service in question goes; undefined: none is made. */
  readonly profileDir: string | undefined;
  readonly say: (text: string) => void;
}

export interface Part {
  readonly name: string;
  readonly text: string;
  /** Not part of a whole run. */
  readonly onlyNamed?: boolean;
  readonly run: (context: BenchContext) => Promise<Row[]>;
}

/** Node's arguments by which a service writes a CPU profile of this name, where the run was asked for profiles. */
export function profiled({ profileDir }: BenchContext, name: string): readonly string[] {
  return profileDir === undefined
    ? []
    : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`, `--cpu-prof-name=${name}.cpuprofile`];
}
