import { ledgerConformance } from './conformance.js';
import { memorySubject } from './conformance/memory-subject.js';

const subject = memorySubject();
ledgerConformance('the ledger in memory', () => subject);
