// Loaded by `node --import @mersal/telemetry/register`: telemetry runs before the first line of the service.
import { basename, dirname } from 'node:path';
import { startTelemetry } from './sdk.js';

const entry = process.argv[1];
startTelemetry(process.env, entry === undefined ? 'mersal' : basename(dirname(dirname(entry))));
