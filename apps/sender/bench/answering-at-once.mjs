// The sender as it is, but for its provider, which accepts everything at once inside this process: for throughput
// that no provider bounds. Run after the build, like dist/main.js.
import { runService } from '@mersal/lifecycle';
import { createLogger } from '@mersal/telemetry';
import { stopTelemetry } from '@mersal/telemetry/sdk';
import { classify } from '@mersal/twilio-gateway';
import { compose } from '../dist/compose.js';
import { readSettings } from '../dist/settings.js';

const {
  class: outcome,
  action,
  known,
  countsAttempt,
  meaning,
} = classify({ where: 'response', httpStatus: 201 });
const refused = () => Promise.reject(new Error('this provider only accepts messages'));
let accepted = 0;

/** @returns {import('@mersal/twilio-gateway').TwilioGateway} */
function createGateway() {
  return {
    send: () => {
      accepted += 1;
      return Promise.resolve({
        class: outcome,
        action,
        cause: 'http',
        known,
        countsAttempt,
        message: meaning,
        sid: `SM${accepted.toString(16).padStart(32, '0')}`,
        status: 'queued',
        httpStatus: 201,
        elapsedMs: 0,
      });
    },
    list: refused,
    fetch: refused,
    contents: { find: refused, create: refused, fetch: refused },
    close: () => Promise.resolve(),
  };
}

const settings = readSettings(process.env);
const logger = createLogger({ service: 'sender', instance: settings.INSTANCE, level: settings.LOG_LEVEL });
await runService({
  name: 'sender',
  logger,
  start: async (scope) => {
    scope.releases.push('telemetry', stopTelemetry);
    await compose(settings, logger, scope, { createGateway });
  },
});
