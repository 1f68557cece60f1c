import { ConfigError } from '@mersal/config';
import { drainMs, runService } from '@mersal/lifecycle';
import { createLogger } from '@mersal/telemetry';
import { stopTelemetry } from '@mersal/telemetry/sdk';
import { compose } from './compose.js';
import { readSettings, type Settings } from './settings.js';

process.title = 'whatsappSendWorker';

let settings: Settings;
try {
  settings = readSettings(process.env);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
const logger = createLogger({ service: 'sender', instance: settings.INSTANCE, level: settings.LOG_LEVEL });
await runService({
  name: 'sender',
  logger,
  drainMs: drainMs(settings.TWILIO_TIMEOUT_MS),
  start: async (scope) => {
    scope.releases.push('telemetry', stopTelemetry);
    await compose(settings, logger, scope);
  },
});
