import { readConfig } from '@mersal/config';
import { redisRights } from '@mersal/contracts';
import { type Report, report } from '../report.js';
import type { Environment } from '../settings.js';

/** The users of Redis. Their passwords are nobody's business here: `>…` stands for one. */
export function redisAcls(env: Environment): Report {
  const { WHATSAPP_SEND_QUEUE_NAME } = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME']);
  const users = redisRights(WHATSAPP_SEND_QUEUE_NAME).map(({ service, rules }) => ({
    user: `mersal-${service}`,
    rules,
  }));
  return report(
    { users },
    users.map(({ user, rules }) => `ACL SETUSER ${user} reset on >… ${rules.join(' ')}`).join('\n'),
  );
}
