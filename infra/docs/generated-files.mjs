import { dashboardFile } from '../observability/grafana/dashboard.mjs';
import { chartSchema } from './chart-schema.mjs';
import { configurationPage } from './configuration-page.mjs';
import { contractDocuments } from './contract-documents.mjs';
import { errorsPage } from './errors-page.mjs';
import { metricsPage } from './metrics-page.mjs';

/** Every generated file of the repository, by its path. @returns {ReadonlyMap<string, string>} */
export function generatedFiles() {
  return new Map([
    ['docs/errors.md', errorsPage()],
    ['docs/configuration.md', configurationPage()],
    ['docs/metrics.md', metricsPage()],
    chartSchema(),
    dashboardFile(),
    ...contractDocuments(),
  ]);
}
