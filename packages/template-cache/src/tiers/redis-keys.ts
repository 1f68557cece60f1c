import { identityDigest, type TemplateIdentity } from '../template-identity.js';

interface RedisKeys {
  readonly sid: string;
  readonly gone: string;
  readonly failed: string;
  readonly lock: string;
  readonly fence: string;
}

/** All keys of this package in Redis. The braces keep those of one template on one node of a cluster. */
export function redisKeys(prefix: string, identity: TemplateIdentity): RedisKeys {
  const slot = `${prefix}:{${identityDigest(identity)}}`;
  return {
    sid: `${slot}:sid`,
    gone: `${slot}:gone`,
    failed: `${slot}:failed`,
    lock: `${slot}:lock`,
    fence: `${slot}:fence`,
  };
}

/** Says that just this SID of the template was removed lately. */
export function removedKey({ gone }: RedisKeys, sid: string): string {
  return `${gone}:${sid}`;
}
