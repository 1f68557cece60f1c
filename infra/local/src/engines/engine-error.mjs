/**
 * What can go wrong between "start it" and "it answers".
 *
 * @typedef {'java_missing' | 'java_too_old' | 'maven_missing' | 'download_failed' | 'platform_unsupported'
 *   | 'binaries_missing' | 'port_taken' | 'start_timeout' | 'exited_early' | 'already_running'} EngineErrorCode
 */

const DOCKER = 'Or run the same stack in containers: docker compose up';

/** An engine could not be brought up. `message` says what to do about it; `code` is stable. */
export class EngineError extends Error {
  /**
   * @param {EngineErrorCode} code
   * @param {string} message
   * @param {{ cause?: unknown }} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'EngineError';
    /** @type {EngineErrorCode} */
    this.code = code;
  }
}

/** How to get Java, by the platform's own package manager. */
export function javaAdvice(platform = process.platform) {
  const how =
    platform === 'darwin'
      ? 'brew install openjdk@21 maven'
      : 'apt-get install openjdk-17-jre-headless maven (Debian, Ubuntu), dnf install java-21-openjdk-headless maven (Fedora)';
  return `Install Java 17 or newer and Maven: ${how}. ${DOCKER}`;
}

/** The way out that needs neither Java nor Maven. */
export const dockerAdvice = DOCKER;
