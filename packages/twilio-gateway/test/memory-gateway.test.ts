import { createMemoryGateway } from '../src/index.js';
import { accountA, accountB, conformance, numberA, numberB } from './conformance.js';

conformance('memory', async () => {
  const gateway = createMemoryGateway({
    accounts: {
      [accountA.accountSid]: { authToken: accountA.authToken, numbers: [numberA] },
      [accountB.accountSid]: { authToken: accountB.authToken, numbers: [numberB] },
    },
    now: () => Date.now(),
  });
  return {
    gateway,
    answerNext: async (httpStatus, code, retryAfterS) =>
      gateway.fail({
        kind: 'answer',
        httpStatus,
        ...(code !== undefined && { code }),
        ...(retryAfterS !== undefined && { retryAfterMs: retryAfterS * 1_000 }),
      }),
    breakNext: async (cause, accepted) => gateway.fail({ kind: 'broken', cause, accepted }),
    acceptedBodies: async () => gateway.accepted.map((message) => message.body),
    close: () => gateway.close(),
  };
});
