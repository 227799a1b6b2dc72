import type { ByteStream } from '@orlop/netstack';
import { type Owner, OwnerShares } from '../gateway/owner-shares.ts';

/** Bounds the connections that are served at once, half of them of one owner; those beyond are reset. */
export class ClientLimit {
  readonly #shares: OwnerShares;
  readonly #onRefused: () => void;

  constructor(max: number, onRefused: () => void) {
    this.#shares = new OwnerShares({ total: max, perOwner: Math.ceil(max / 2) });
    this.#onRefused = onRefused;
  }

  /** @param owner its address where nothing better is known */
  async serve(stream: ByteStream, owner: Owner | undefined, work: () => Promise<void>): Promise<void> {
    const client = owner ?? stream.remote.address;
    if (!this.#shares.enter(client)) {
      this.#onRefused();
      stream.abort();
      return;
    }
    try {
      await work();
    } finally {
      this.#shares.leave(client);
    }
  }
}
