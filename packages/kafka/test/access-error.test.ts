import { describe, expect, it } from 'vitest';
import { accessErrorOf } from '../src/access-error.js';

const error = (fields: object): Error => Object.assign(new Error('said by a library'), fields);

describe('a refusal by Kafka', () => {
  it.each([
    [error({ type: 'TOPIC_AUTHORIZATION_FAILED', retriable: false }), 'kafka_forbidden'],
    [error({ type: 'GROUP_AUTHORIZATION_FAILED' }), 'kafka_forbidden'],
    [error({ name: 'KafkaJSSASLAuthenticationError' }), 'kafka_login_failed'],
    [error({ name: 'KafkaJSConnectionError', code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'kafka_certificate'],
    [error({ name: 'KafkaJSConnectionError', code: 'SELF_SIGNED_CERT_IN_CHAIN' }), 'kafka_certificate'],
    [error({ name: 'KafkaJSConnectionError', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }), 'kafka_certificate'],
  ])('is known through what wraps it: %#', (refusal, code) => {
    const wrapped = error({ name: 'KafkaJSNumberOfRetriesExceeded', retriable: true, cause: refusal });
    expect(accessErrorOf(wrapped)).toMatchObject({ code, cause: wrapped });
  });

  it.each([
    error({ code: 'ECONNREFUSED' }),
    error({ type: 'NOT_LEADER_FOR_PARTITION', retriable: true }),
    error({ name: 'KafkaJSConnectionError' }),
    'no error at all',
  ])('is not what passes by itself: %#', (other) => {
    expect(accessErrorOf(other)).toBeUndefined();
  });
});
