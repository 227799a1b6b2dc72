/** Names lie in blocks of this many UTF-16 units; a longer one has a block of its own. */
const BLOCK_UNITS = 1 << 19;
/** Before each name: its length, the lower half first. */
const LENGTH_UNITS = 2;
/** Units that are turned into a string at once, below the limit of a call's arguments. */
const SLICE_UNITS = 4096;

/** Strings in the memory that their units take, outside of the heap; as strings of their own they take 32 bytes more. */
export class PackedNames {
  readonly #blocks: Uint16Array[] = [];
  #used = BLOCK_UNITS;

  /** @returns where the name is */
  add(name: string): number {
    const units = LENGTH_UNITS + name.length;
    if (this.#used + units > BLOCK_UNITS) {
      this.#blocks.push(new Uint16Array(Math.max(BLOCK_UNITS, units)));
      this.#used = 0;
    }
    const block = this.#blocks.at(-1) as Uint16Array;
    const start = this.#used;
    block[start] = name.length;
    block[start + 1] = name.length >>> 16;
    for (let i = 0; i < name.length; i++) block[start + LENGTH_UNITS + i] = name.charCodeAt(i);
    this.#used = Math.min(start + units, BLOCK_UNITS);
    return (this.#blocks.length - 1) * BLOCK_UNITS + start;
  }

  get(place: number): string {
    const units = this.#units(place);
    if (units.length <= SLICE_UNITS) return String.fromCharCode(...units);
    let name = '';
    for (let at = 0; at < units.length; at += SLICE_UNITS)
      name += String.fromCharCode(...units.subarray(at, at + SLICE_UNITS));
    return name;
  }

  equals(place: number, name: string): boolean {
    const block = this.#blocks[Math.floor(place / BLOCK_UNITS)] as Uint16Array;
    const start = place % BLOCK_UNITS;
    if (lengthAt(block, start) !== name.length) return false;
    for (let i = 0; i < name.length; i++)
      if (block[start + LENGTH_UNITS + i] !== name.charCodeAt(i)) return false;
    return true;
  }

  #units(place: number): Uint16Array {
    const block = this.#blocks[Math.floor(place / BLOCK_UNITS)] as Uint16Array;
    const start = place % BLOCK_UNITS;
    return block.subarray(start + LENGTH_UNITS, start + LENGTH_UNITS + lengthAt(block, start));
  }
}

function lengthAt(block: Uint16Array, start: number): number {
  return (block[start] as number) + (block[start + 1] as number) * 0x1_0000;
}
