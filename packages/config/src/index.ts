export { catalogue, type ValueOf, type Variable, type VariableName } from './catalogue.js';
export { type Config, ConfigError, type Relation, readConfig } from './read.js';
export { KAFKA_SETTINGS, kafkaRelations } from './kafka-settings.js';
