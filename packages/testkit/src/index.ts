export type { EngineAddresses } from './engines.js';
export {
  engines,
  freshDatabase,
  ownKafka,
  ownKafkaCluster,
  ownPostgres,
  ownRedis,
  randomName,
} from './engines.js';
export { mostWithin } from './most-within.js';
export { type Pipeline, type PipelineOptions, type PipelineTenant, startPipeline } from './pipeline.js';
export {
  ownSecureKafka,
  ownSecurePostgres,
  ownSecureRedis,
  type UsedRight,
  type Users,
} from './secure-engines.js';
export { loginOf } from './service-login.js';
export { type ServiceProcess, startService } from './service-process.js';
export { type SeenRequest, SimulatorClient, type SimulatorStats } from './simulator-client.js';
export { waitFor } from './wait-for.js';
export { WireWatch } from './wire-watch.js';
export {
  checkConcurrency,
  checkNoDouble,
  checkNoLoss,
  checkOrder,
  checkRate,
  type PostedSend,
  type Violations,
} from './invariants.js';
export { testAuthority, type TestAuthority, type TestCertificate } from './test-authority.js';
