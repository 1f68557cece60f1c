export { verifyCallbackSignature } from './callback-signature.js';
export { classify, type Evidence } from './classify.js';
export type {
  Answer,
  ContentDefinition,
  ContentGateway,
  ContentRecord,
  MessageListing,
  MessageRecord,
  OutcomeCause,
  ProviderAccount,
  SendOutcome,
  SendOptions,
  SendRequest,
  TwilioGateway,
} from './gateway.js';
export { createMemoryGateway, type MemoryFault, type MemoryGateway } from './memory-gateway.js';
export {
  type OutcomeAction,
  type OutcomeClass,
  type OutcomeRow,
  outcomeClasses,
  outcomeTable,
  type PauseScope,
  type SourceMark,
} from './outcome-table.js';
export { createTwilioGateway, type TwilioGatewayOptions } from './twilio-gateway.js';
