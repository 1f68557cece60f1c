import { catalogue, type ValueOf, type Variable, type VariableName } from './catalogue.js';

export type Config<N extends VariableName> = { readonly [K in N]: ValueOf<K> };

/** Everything that is wrong with the environment, at once: `faults` has a line for each. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The environment has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.map((f) => `  - ${f}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** A relation between variables, e.g. that a lease outlives a time-out: undefined when it holds, else what is wrong. */
export type Relation<N extends VariableName> = (config: Config<N>) => string | undefined;

/**
 * Reads the named variables. An empty text counts as not set. Throws ConfigError with all faults: each variable's
 * own, and once every one is good, those of the relations between them.
 */
export function readConfig<const N extends VariableName>(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly N[],
  relations: readonly Relation<N>[] = [],
): Config<N> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const variable: Variable<unknown> = catalogue[name];
    const given = env[name];
    const text = given === undefined || given === '' ? variable.fallback : given;
    if (text === undefined) {
      faults.push(`${name} is not set (${variable.unit}: ${variable.text})`);
      continue;
    }
    const parsed = variable.schema.safeParse(text === '' && isOptional(variable) ? undefined : text);
    if (parsed.success) values[name] = parsed.data;
    else faults.push(`${name} ${describe(parsed.error.issues, variable.secret ? undefined : text)}`);
  }
  const config = values as Config<N>;
  if (faults.length === 0) {
    for (const relation of relations) {
      const fault = relation(config);
      if (fault !== undefined) faults.push(fault);
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

function isOptional(variable: Variable<unknown>): boolean {
  return variable.schema.safeParse(undefined).success;
}

function describe(issues: readonly { readonly message: string }[], shown: string | undefined): string {
  const what = issues[0]?.message ?? 'is not valid';
  return shown === undefined ? what : `${what}, not "${shown.slice(0, 60)}"`;
}
