import type { Random } from '@orlop/core';
import type { Endpoint } from '../face.ts';
import type { IpPacket } from '../ip/packet.ts';

/** What a table entry is found by: addresses as the four signed words of `IpAddress`, and ports. */
export interface TableEntry {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Next in the same bucket; the table's own. */
  chain: TableEntry | undefined;
}

const MIN_BUCKETS = 64;

/**
 * Connections by 4-tuple. Numbers only: nothing is allocated to look one up. The hash is seeded, so that a peer
 * cannot choose ports that meet in one bucket.
 */
export class ConnectionTable<Entry extends TableEntry> {
  readonly #seed: number;
  #buckets: (Entry | undefined)[] = new Array<Entry | undefined>(MIN_BUCKETS).fill(undefined);
  #size = 0;

  constructor(random: Random) {
    this.#seed = random.u32() | 1;
  }

  get size(): number {
    return this.#size;
  }

  /** The entry whose remote is the packet's source. */
  find(packet: IpPacket, sourcePort: number, destinationPort: number): Entry | undefined {
    let entry = this.#buckets[this.#bucket(packet.source3, sourcePort, packet.destination3, destinationPort)];
    while (entry !== undefined && !matches(entry, packet, sourcePort, destinationPort)) {
      entry = entry.chain as Entry | undefined;
    }
    return entry;
  }

  findPair(local: Endpoint, remote: Endpoint): Entry | undefined {
    let entry = this.#buckets[this.#bucketOf(local, remote)];
    while (entry !== undefined && !(sameEnd(entry.local, local) && sameEnd(entry.remote, remote))) {
      entry = entry.chain as Entry | undefined;
    }
    return entry;
  }

  /** Precondition: no entry with the same 4-tuple is there. */
  add(entry: Entry): void {
    if (this.#size >= 2 * this.#buckets.length) this.#resize(this.#buckets.length * 4);
    this.#insert(entry);
    this.#size++;
  }

  remove(entry: Entry): void {
    const at = this.#bucketOf(entry.local, entry.remote);
    let previous: Entry | undefined;
    let current = this.#buckets[at];
    while (current !== undefined && current !== entry) {
      previous = current;
      current = current.chain as Entry | undefined;
    }
    if (current === undefined) return;
    const next = current.chain as Entry | undefined;
    if (previous === undefined) this.#buckets[at] = next;
    else previous.chain = next;
    entry.chain = undefined;
    this.#size--;
    if (this.#buckets.length > MIN_BUCKETS && this.#size * 8 < this.#buckets.length) {
      this.#resize(this.#buckets.length / 4);
    }
  }

  *[Symbol.iterator](): IterableIterator<Entry> {
    for (const first of [...this.#buckets]) {
      let entry = first;
      while (entry !== undefined) {
        const next = entry.chain as Entry | undefined;
        yield entry;
        entry = next;
      }
    }
  }

  #bucketOf(local: Endpoint, remote: Endpoint): number {
    return this.#bucket(remote.address.w3, remote.port, local.address.w3, local.port);
  }

  /** The last address words differ between hosts of one network; the rest is compared, not hashed. */
  #bucket(remoteWord: number, remotePort: number, localWord: number, localPort: number): number {
    let hash = Math.imul(remoteWord ^ this.#seed, 0x9e3779b1);
    hash = Math.imul((hash ^ (hash >>> 15) ^ localWord) | 0, 0x85ebca77);
    hash = Math.imul((hash ^ (hash >>> 13) ^ ((remotePort << 16) | localPort)) | 0, 0xc2b2ae3d);
    return (hash ^ (hash >>> 16)) & (this.#buckets.length - 1);
  }

  #insert(entry: Entry): void {
    const at = this.#bucketOf(entry.local, entry.remote);
    entry.chain = this.#buckets[at];
    this.#buckets[at] = entry;
  }

  #resize(size: number): void {
    const entries = [...this];
    this.#buckets = new Array<Entry | undefined>(Math.max(MIN_BUCKETS, size)).fill(undefined);
    for (const entry of entries) this.#insert(entry);
  }
}

function matches(entry: TableEntry, packet: IpPacket, sourcePort: number, destinationPort: number): boolean {
  const remote = entry.remote.address;
  const local = entry.local.address;
  return (
    entry.remote.port === sourcePort &&
    entry.local.port === destinationPort &&
    remote.w3 === packet.source3 &&
    local.w3 === packet.destination3 &&
    remote.w2 === packet.source2 &&
    local.w2 === packet.destination2 &&
    remote.w1 === packet.source1 &&
    local.w1 === packet.destination1 &&
    remote.w0 === packet.source0 &&
    local.w0 === packet.destination0
  );
}

function sameEnd(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address.equals(b.address);
}
