export {
  createMemoryLedger,
  type MemoryLedger,
  type MemoryLedgerOptions,
  type MemoryTenant,
} from './memory-ledger.js';
