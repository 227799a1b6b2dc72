import type { ByteStream } from '@orlop/netstack';

/** Bounds the connections that are served at once; those beyond are reset. */
export class ClientLimit {
  readonly #max: number;
  readonly #onRefused: () => void;
  #count = 0;
  readonly #countOf = new Map<string, number>();

  constructor(max: number, onRefused: () => void) {
    this.#max = max;
    this.#onRefused = onRefused;
  }

  async serve(stream: ByteStream, work: () => Promise<void>): Promise<void> {
    const { address } = stream.remote;
    const own = this.#countOf.get(address) ?? 0;
    if (this.#count >= this.#max || own >= Math.ceil(this.#max / 2)) {
      this.#onRefused();
      stream.abort();
      return;
    }
    this.#count++;
    this.#countOf.set(address, own + 1);
    try {
      await work();
    } finally {
      this.#count--;
      const left = (this.#countOf.get(address) ?? 1) - 1;
      if (left === 0) this.#countOf.delete(address);
      else this.#countOf.set(address, left);
    }
  }
}
