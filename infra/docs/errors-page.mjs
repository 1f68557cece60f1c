import { deadReasons, problems } from '@mersal/contracts';

import { deadAdvice, problemAdvice } from './error-advice.mjs';
import { table } from './markdown-table.mjs';

/** docs/errors.md: every code that a caller or an operator can meet. */
export function errorsPage() {
  const answers = Object.entries(problems).map(([code, { status, title }]) => {
    const { means, does } = adviceFor(problemAdvice, code);
    return `### \`${code}\`\n\n${status}, “${title}”. ${means}\n\n**What to do:** ${does}\n`;
  });
  const dead = Object.keys(deadReasons).map((reason) => {
    const { means, does } = adviceFor(deadAdvice, reason);
    return [`\`${reason}\``, means, does];
  });
  return `# Errors

The API answers errors as \`application/problem+json\` (RFC 9457). \`code\` is stable: programs may rely on it, and on
nothing else of the text.

\`\`\`json
{ "type": "urn:mersal:problem:validation_failed", "title": "The request has faults", "status": 400,
  "code": "validation_failed", "errors": [{ "pointer": "/phoneNumber", "code": "phone_invalid", "message": "…" }] }
\`\`\`

Every 503 has a \`Retry-After\` header. Repeating a send with the same \`Idempotency-Key\` and body never sends it twice.

## Answers of the API

${table(
  ['Code', 'Status', 'Title'],
  Object.entries(problems).map(([code, { status, title }]) => [
    `[\`${code}\`](#${code})`,
    String(status),
    title,
  ]),
)}

${answers.join('\n')}
## Reasons of dead letters

A send that is given up, or a record that can not be read, goes to the topic \`<queue>.dead\` with its original key,
value and headers, and these headers more: \`dead-reason\`, \`dead-class\`, \`dead-code\` (the provider's), \`dead-attempts\`,
\`dead-redrive\`, \`dead-at\`, \`dead-message-id\`; for a record that can not be read \`dead-topic\`, \`dead-partition\`,
\`dead-offset\`.

${table(['Reason', 'Means', 'What to do'], dead)}
`;
}

/** @param {Readonly<Record<string, import('./error-advice.mjs').Advice>>} advice @param {string} code */
function adviceFor(advice, code) {
  const found = Object.hasOwn(advice, code) ? advice[code] : undefined;
  if (found === undefined) throw new Error(`infra/docs/error-advice.mjs has no advice for ${code}`);
  return found;
}
