export type { EngineAddresses } from './engines.js';
export { engines, freshDatabase, ownKafka, ownPostgres, ownRedis, randomName } from './engines.js';
export { waitFor } from './wait-for.js';
