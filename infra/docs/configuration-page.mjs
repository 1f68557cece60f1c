import { catalogue } from '@mersal/config';

import { table } from './markdown-table.mjs';

/** Variables that no service reads through the catalogue: of the callers' packages, the command line, the simulator. */
const others = [
  ['MERSAL_URL', 'URL', 'http://localhost:3000', '`@mersal/send-queue`, `mersal`: where ingress is'],
  ['MERSAL_TOKEN', 'key', '', '`@mersal/send-queue`: a platform key; secret'],
  ['MERSAL_ADMIN_TOKEN', 'token', '', '`mersal`: the admin token whose hash is ADMIN_TOKEN_HASH; secret'],
  [
    'TWILIO_ACCOUNT_SID',
    'SID',
    'default',
    '`@mersal/template-cache`: the account where a call names no restaurant',
  ],
  [
    'TWILIO_AUTH_TOKEN',
    'token',
    '',
    '`mersal tenants create`: the restaurant’s token, else it is read from stdin; secret',
  ],
  ['SIMULATOR_ACCOUNTS', 'path', '', 'simulator: JSON file `[{accountSid, authToken, numbers}]`'],
  ['SIMULATOR_LATENCY_MS', 'ms', '', 'simulator: how long an answer takes'],
  ['SIMULATOR_RATE_PER_SECOND', 'requests/s', 'unlimited', 'simulator: what it takes before it answers 429'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'URL', '', 'every service: where traces go; without it none are exported'],
  ['OTEL_SERVICE_NAME', 'name', 'the service', 'every service: its name in traces'],
  ['OTEL_SDK_DISABLED', 'true, false', 'false', 'every service: neither traces nor metrics'],
  ['JAVA_HOME', 'path', '', '`npm start`, tests: the Java that runs Kafka, else the one in PATH'],
  ['MERSAL_TEST_ENGINES', 'JSON', '', 'tests: engines that run already, `{kafka, redis, postgres}`'],
];

/** docs/configuration.md: every environment variable with its unit and default. */
export function configurationPage() {
  const rows = Object.entries(catalogue).map(([name, variable]) => [
    `\`${name}\``,
    variable.unit,
    fallbackOf(variable),
    `${variable.text}${'secret' in variable && variable.secret ? ' (secret)' : ''}`,
  ]);
  return `# Configuration

Services read the environment once, at their start, and check every value. All faults are reported at once, and the
service ends with exit code 1 before it does anything. An empty value counts as not set. Secrets are never shown, not
even in a fault. \`npm start\` sets all of them.

## Services

${table(['Variable', 'Unit', 'Default', 'Meaning'], rows)}

Mandatory ones are mandatory for the services that use them. A fault can also lie between two values, such as a
SASL mechanism without a user.

## Callers, operators, local runs

${table(
  ['Variable', 'Unit', 'Default', 'Meaning'],
  others.map(([name, unit = '', fallback, text = '']) => [
    `\`${name}\``,
    unit,
    fallback ? `\`${fallback}\`` : 'not set',
    text,
  ]),
)}

OpenTelemetry's other \`OTEL_*\` variables work as its specification says.
`;
}

/** @param {{ fallback: string | undefined }} variable */
function fallbackOf({ fallback }) {
  if (fallback === undefined) return '**mandatory**';
  return fallback === '' ? 'not set' : `\`${fallback}\``;
}
