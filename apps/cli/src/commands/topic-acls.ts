import { readConfig } from '@mersal/config';
import { kafkaRights, type Service, topicNames } from '@mersal/contracts';
import type { KafkaConnection } from '@mersal/kafka';
import { withAdmin } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';

export interface AclChoice {
  readonly apply?: boolean;
  /** Kafka's name of a service's user, with `{service}` in it. */
  readonly principal: string;
}

/** What each service needs to be allowed. Applied, it adds what is missing; what is allowed besides stays. */
export async function topicsAcls(
  env: Environment,
  connection: () => KafkaConnection,
  { apply, principal }: AclChoice,
): Promise<Report> {
  if (!principal.includes('{service}'))
    throw new CliError('principal_invalid', '--principal must hold {service}', EXIT.usage);
  const { WHATSAPP_SEND_QUEUE_NAME } = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME']);
  const rights = kafkaRights(topicNames(WHATSAPP_SEND_QUEUE_NAME));
  const principalOf = (service: Service): string => principal.replace('{service}', service);
  if (apply) await withAdmin(connection(), (admin) => admin.allow(rights, principalOf));
  const acls = rights.map(({ service, ...right }) => ({ principal: principalOf(service), ...right }));
  return report(
    { applied: apply === true, acls },
    table(
      ['principal', 'operation', 'resource', 'pattern', 'name'],
      acls.map((one) => [one.principal, one.operation, one.resource, one.pattern, one.name]),
    ) + (apply ? '\nallowed' : ''),
  );
}
