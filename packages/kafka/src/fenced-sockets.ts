import net from 'node:net';
import tls from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE_DELAY_MS = 60_000;

/**
 * Sockets of one kafkajs client that can be cut for good.
 *
 * A kafkajs producer that is only disconnected reconnects from its own retry loop and goes on writing what its owner has
 * given up on. After `destroy()` every socket is closed and no new one is made, so nothing can be written any more.
 */
export interface FencedSockets {
  readonly factory: ISocketFactory;
  /** Called when a socket that had connected closes, whatever the cause. */
  onClosed(listener: () => void): void;
  /** @param rejecting Rejects the requests that still wait on a socket; needless after a polite disconnect. */
  destroy(rejecting?: boolean): void;
}

export function createFencedSockets(): FencedSockets {
  const open = new Set<net.Socket>();
  const listeners: (() => void)[] = [];
  let destroyed = false;

  return {
    factory({ host, port, ssl, onConnect }) {
      if (destroyed) throw new Error('this client was discarded');
      let connected = false;
      const established = (): void => {
        connected = true;
        onConnect();
      };
      const socket: net.Socket = ssl
        ? tls.connect(
            { host, port, ...(net.isIP(host) === 0 ? { servername: host } : {}), ...ssl },
            established,
          )
        : net.connect({ host, port }, established);
      socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
      socket.setNoDelay(true);
      open.add(socket);
      socket.once('close', () => {
        open.delete(socket);
        if (connected) for (const listener of listeners) listener();
      });
      return socket;
    },
    onClosed(listener) {
      listeners.push(listener);
    },
    destroy(rejecting = true) {
      destroyed = true;
      listeners.length = 0;
      for (const socket of open)
        socket.destroy(rejecting ? new Error('this client was discarded') : undefined);
    },
  };
}
