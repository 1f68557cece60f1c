export { catalogue, type ValueOf, type Variable, type VariableName } from './catalogue.js';
export { type Config, ConfigError, type Relation, readConfig } from './read.js';
