import { once } from 'node:events';
import { connect } from 'node:net';
import type { Logger } from '@orlop/core';
import { formatMac, type MacAddress } from '@orlop/wire';

type Notification =
  | { readonly notification_type: 'ready' }
  | {
      readonly notification_type: 'connection_established' | 'connection_closed';
      readonly mac_address: string;
    };

/** What waits for a reader that is slow; newer ones are left out. */
const MAX_WAITING = 100;
/** How long the reader may take for one. */
const SEND_TIMEOUT_MS = 5000;

/**
 * Tells a listener on a unix socket how the network fares, as gvproxy's `-notification` does: each message is a line of
 * JSON on a connection of its own, one after the other.
 */
export class GvproxyNotifier {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #guests = new Set<MacAddress>();
  #waiting = 0;
  #sent: Promise<void> = Promise.resolve();

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /** Guests can plug in. */
  ready(): void {
    this.#send({ notification_type: 'ready' });
  }

  /** A guest was heard; only the first time is told. */
  joined(mac: MacAddress): void {
    if (this.#guests.has(mac)) return;
    this.#guests.add(mac);
    this.#send({ notification_type: 'connection_established', mac_address: formatMac(mac) });
  }

  left(macs: ReadonlySet<MacAddress>): void {
    for (const mac of macs) {
      if (this.#guests.delete(mac))
        this.#send({ notification_type: 'connection_closed', mac_address: formatMac(mac) });
    }
  }

  /** When everything so far is told, or could not be. */
  flushed(): Promise<void> {
    return this.#sent;
  }

  #send(message: Notification): void {
    if (this.#waiting >= MAX_WAITING) {
      this.#logger.warn('a notification is left out: its reader is slow', { path: this.#path });
      return;
    }
    this.#waiting++;
    this.#sent = this.#sent.then(async () => {
      try {
        await this.#tell(`${JSON.stringify(message)}\n`);
      } catch (error) {
        this.#logger.warn('nobody takes a notification', { path: this.#path, reason: String(error) });
      } finally {
        this.#waiting--;
      }
    });
  }

  async #tell(line: string): Promise<void> {
    const socket = connect({ path: this.#path });
    const signal = AbortSignal.timeout(SEND_TIMEOUT_MS);
    try {
      await once(socket, 'connect', { signal });
      socket.resume().end(line);
      await once(socket, 'close', { signal });
    } finally {
      socket.destroy();
    }
  }
}
