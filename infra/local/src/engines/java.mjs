import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { EngineError, javaAdvice } from './engine-error.mjs';

const run = promisify(execFile);
const OLDEST = 17;

/**
 * The major version in what `java -version` says: `1.8.0_392` is 8, `21` is 21.
 * @param {string} text
 * @returns {number | undefined}
 */
export function javaMajor(text) {
  const match = /version "(?:1\.)?(\d+)/.exec(text);
  return match ? Number(match[1]) : undefined;
}

/**
 * A Java that can run Kafka: JAVA_HOME's, else the one in PATH.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<string>} the command
 * @throws {EngineError} java_missing, java_too_old
 */
export async function findJava(env = process.env) {
  const atHome = env['JAVA_HOME'] ? join(env['JAVA_HOME'], 'bin', 'java') : undefined;
  const command = atHome !== undefined && existsSync(atHome) ? atHome : 'java';
  let said;
  try {
    said = (await run(command, ['-version'], { env, timeout: 30_000 })).stderr;
  } catch (error) {
    // macOS ships a `java` that only says where to get one, and fails.
    throw new EngineError(
      'java_missing',
      `Kafka needs Java ${OLDEST} or newer, and no working java was found. ${javaAdvice()}`,
      {
        cause: error,
      },
    );
  }
  const major = javaMajor(said);
  if (major === undefined || major < OLDEST) {
    const found = major === undefined ? 'one of an unknown version' : `Java ${major}`;
    throw new EngineError(
      'java_too_old',
      `Kafka needs Java ${OLDEST} or newer; ${command} is ${found}. ${javaAdvice()}`,
    );
  }
  return command;
}

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<string>} the command
 * @throws {EngineError} maven_missing
 */
export async function findMaven(env = process.env) {
  try {
    await run('mvn', ['--version'], { env, timeout: 30_000 });
    return 'mvn';
  } catch (error) {
    throw new EngineError(
      'maven_missing',
      `Kafka and Redis are fetched with Maven, and no working mvn was found. ${javaAdvice()}`,
      {
        cause: error,
      },
    );
  }
}
