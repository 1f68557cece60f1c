import { afterAll, beforeAll } from 'vitest';
import { ledgerConformance } from './conformance.js';
import { postgresSubject } from './conformance/postgres-subject.js';

let subject: Awaited<ReturnType<typeof postgresSubject>>;
beforeAll(async () => {
  subject = await postgresSubject();
});
afterAll(() => subject.close());

ledgerConformance('the ledger in Postgres', () => subject);
