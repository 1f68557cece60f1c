import { identityDigest, type TemplateIdentity } from '../template-identity.js';

/** All keys of this package in Redis. The braces keep those of one template on one node of a cluster. */
export function redisKeys(prefix: string, identity: TemplateIdentity) {
  const slot = `${prefix}:{${identityDigest(identity)}}`;
  return { sid: `${slot}:sid`, gone: `${slot}:gone`, lock: `${slot}:lock`, fence: `${slot}:fence` };
}
