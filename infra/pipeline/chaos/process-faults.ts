import { between, faultKind, type FaultKind, oneOf, pause } from './fault.js';

const SENDERS = ['sender-1', 'sender-2', 'sender-3'];

export const processFaults: readonly FaultKind[] = [
  faultKind({
    name: 'sender killed',
    weight: 4,
    draw: (random) => ({ sender: oneOf(random, SENDERS), downMs: between(random, 200, 3_000) }),
    inject: async ({ fleet }, { sender, downMs }) => {
      const name = fleet.choose(sender);
      fleet.kill(name);
      await pause(downMs);
      await fleet.start(name);
      return name;
    },
  }),
  faultKind({
    name: 'sender frozen',
    weight: 3,
    draw: (random) => ({ sender: oneOf(random, SENDERS), ms: between(random, 300, 4_000) }),
    inject: async ({ fleet }, { sender, ms }) => {
      const name = fleet.choose(sender);
      await fleet.freeze(name, ms);
      return name;
    },
  }),
  faultKind({
    name: 'sender frozen past its leases',
    weight: 1,
    draw: (random) => ({ sender: oneOf(random, SENDERS), ms: between(random, 14_000, 17_000) }),
    inject: async ({ fleet }, { sender, ms }) => {
      const name = fleet.choose(sender);
      await fleet.freeze(name, ms);
      return name;
    },
  }),
  faultKind({
    name: 'sender restarted',
    weight: 3,
    draw: (random) => ({ sender: oneOf(random, SENDERS) }),
    inject: async ({ fleet }, { sender }) => {
      const name = fleet.choose(sender);
      const code = await fleet.stop(name);
      await fleet.start(name);
      if (code !== 0) throw new Error(`${name} ended with ${code} when it was asked to stop`);
      return name;
    },
  }),
  faultKind({
    name: 'senders come and go',
    weight: 1,
    draw: (random) => ({
      stopped: oneOf(random, ['sender-1', 'sender-2']),
      betweenMs: between(random, 500, 3_000),
    }),
    inject: async ({ fleet }, { stopped, betweenMs }) => {
      await fleet.start('sender-4');
      await pause(betweenMs);
      // Two at once: one is told, the other is not.
      fleet.kill('sender-3');
      await fleet.stop(stopped);
      await pause(betweenMs);
      await Promise.all([fleet.start('sender-3'), fleet.start(stopped)]);
      await fleet.stop('sender-4');
      return '3 → 4 → 2 → 4 → 3';
    },
  }),
  faultKind({
    name: 'ingress killed',
    weight: 2,
    draw: (random) => ({ downMs: between(random, 100, 2_000) }),
    inject: async ({ pipeline }, { downMs }) => {
      pipeline.services.get('ingress-1')?.signal('SIGKILL');
      await pause(downMs);
      await pipeline.restart('ingress-1');
    },
  }),
];
