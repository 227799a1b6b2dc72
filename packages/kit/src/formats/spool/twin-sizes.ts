/** Smaller files are not worth finding again elsewhere. */
const MIN_HASHED_BYTES = 16 * 1024;

/**
 * Which members are worth a digest: those of a size that another has, too. The first of a size is known to be worth it
 * only when the second comes.
 */
export class TwinSizes {
  /** Number of the first member of each size; undefined once another has come. */
  readonly #firstOf = new Map<number, number | undefined>();
  readonly #withTwin: number[] = [];

  /** Whether a member of that size came before. */
  seen(sizeBytes: number): boolean {
    return this.#firstOf.has(sizeBytes);
  }

  add(member: number, sizeBytes: number): void {
    if (sizeBytes < MIN_HASHED_BYTES) return;
    if (!this.#firstOf.has(sizeBytes)) {
      this.#firstOf.set(sizeBytes, member);
      return;
    }
    const first = this.#firstOf.get(sizeBytes);
    if (first !== undefined) this.#withTwin.push(first);
    this.#firstOf.set(sizeBytes, undefined);
  }

  /** The first of each size that came again, whose content went by without a digest. */
  firstOnes(): readonly number[] {
    return this.#withTwin;
  }
}
