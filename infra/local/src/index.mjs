export { EngineError } from './engines/engine-error.mjs';
export { choosePort } from './engines/free-port.mjs';
export { javaArtifacts } from './engines/java-artifacts.mjs';
export { startKafka } from './engines/kafka.mjs';
export { endLeftover, livingPid, removePidFile, writePidFile } from './engines/pid-file.mjs';
export { forgetPostgres, startPostgres } from './engines/postgres.mjs';
export { signalTree } from './engines/process-table.mjs';
export { startRedis } from './engines/redis.mjs';
