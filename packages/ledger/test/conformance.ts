import { describe } from 'vitest';
import { admissionKeeps } from './conformance/admission.js';
import { callbacksKeep } from './conformance/callbacks.js';
import { claimsKeep } from './conformance/claims.js';
import { deadLettersKeep } from './conformance/dead-letters.js';
import { directKeeps } from './conformance/direct.js';
import { doubtsKeep } from './conformance/doubts.js';
import { endingsKeep } from './conformance/endings.js';
import { settlementsKeep } from './conformance/settlements.js';
import type { Subject } from './conformance/subject.js';

/** What every ledger promises, whatever it is made of. */
export function ledgerConformance(name: string, subject: () => Subject): void {
  describe(name, () => {
    describe('admission', () => admissionKeeps(subject));
    describe('claims', () => claimsKeep(subject));
    describe('settlements', () => settlementsKeep(subject));
    describe('callbacks', () => callbacksKeep(subject));
    describe('a send without the queue', () => directKeeps(subject));
    describe('doubts', () => doubtsKeep(subject));
    describe('dead letters, redrive, what is stuck', () => deadLettersKeep(subject));
    describe('endings, the outbox, retention', () => endingsKeep(subject));
  });
}
