import { diskError } from '../errors.ts';
import { SECTOR_BYTES } from '../partition/mbr.ts';
import type { FatGeometry } from './geometry.ts';

/** The allocation table of a volume that is only ever filled: every chain is one run of clusters. */
export class FatTable {
  readonly #geometry: FatGeometry;
  /** The last cluster of each chain, in order; every other used cluster points to its successor. */
  readonly #ends: number[] = [];
  #next = 2;

  constructor(geometry: FatGeometry) {
    this.#geometry = geometry;
  }

  /** Clusters in use. */
  get used(): number {
    return this.#next - 2;
  }

  /** @returns the first of `count` clusters. @throws OrlopError when the volume is full. */
  allocate(count: number): number {
    const first = this.#next;
    if (first - 2 + count > this.#geometry.clusters) {
      const { clusters, sectorsPerCluster } = this.#geometry;
      throw diskError(
        'disk.too-small',
        `the content needs more than the ${clusters * sectorsPerCluster * SECTOR_BYTES} bytes of the FAT volume`,
        {
          hint: 'ask for a larger size',
        },
      );
    }
    this.#next += count;
    this.#ends.push(this.#next - 1);
    return first;
  }

  encode(): Uint8Array {
    const { bits } = this.#geometry;
    const endOfChain = bits === 12 ? 0xfff : bits === 16 ? 0xffff : 0x0fff_ffff;
    const bytes = new Uint8Array(
      Math.ceil((this.#next * bits) / 8 / SECTOR_BYTES + 1) * SECTOR_BYTES,
    ).subarray(0, this.#geometry.sectorsPerFat * SECTOR_BYTES);
    const put = bits === 12 ? put12 : bits === 16 ? put16 : put32;
    put(bytes, 0, bits === 12 ? 0xff8 : bits === 16 ? 0xfff8 : 0x0fff_fff8);
    put(bytes, 1, endOfChain);
    let end = 0;
    for (let cluster = 2; cluster < this.#next; cluster++) {
      const last = cluster === this.#ends[end];
      if (last) end++;
      put(bytes, cluster, last ? endOfChain : cluster + 1);
    }
    return bytes;
  }
}

function put12(bytes: Uint8Array, index: number, value: number): void {
  const at = index + (index >> 1);
  if (index & 1) {
    bytes[at] = ((bytes[at] as number) & 0x0f) | ((value << 4) & 0xf0);
    bytes[at + 1] = value >> 4;
  } else {
    bytes[at] = value & 0xff;
    bytes[at + 1] = ((bytes[at + 1] as number) & 0xf0) | (value >> 8);
  }
}

function put16(bytes: Uint8Array, index: number, value: number): void {
  bytes[index * 2] = value & 0xff;
  bytes[index * 2 + 1] = value >> 8;
}

function put32(bytes: Uint8Array, index: number, value: number): void {
  const at = index * 4;
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
  bytes[at + 2] = (value >>> 16) & 0xff;
  bytes[at + 3] = value >>> 24;
}
