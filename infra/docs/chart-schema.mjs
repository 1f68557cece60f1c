import { readFileSync } from 'node:fs';
import { catalogue } from '@mersal/config';

const PATH = 'infra/helm/mersal/values.schema.json';
/** What the chart sets by itself, and nobody else may. */
const OF_THE_CHART = new Set(['HOST', 'PORT', 'PROBE_HOST', 'PROBE_PORT', 'INSTANCE']);

/** The schema of the chart's values as it is, but for the names that `settings` may have: whatever is no secret.
 * @returns {[path: string, text: string]} */
export function chartSchema() {
  const schema = JSON.parse(readFileSync(new URL(`../../${PATH}`, import.meta.url), 'utf8'));
  const names = Object.entries(catalogue)
    .filter(([name, variable]) => variable.secret !== true && !OF_THE_CHART.has(name))
    .map(([name]) => name);
  const [, listed] = schema.definitions.settings.propertyNames.anyOf;
  listed.enum = names.toSorted();
  return [PATH, `${JSON.stringify(schema, null, 2)}\n`];
}
