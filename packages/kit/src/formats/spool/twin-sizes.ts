import type { SpooledMember } from './spooled-contents.ts';

/** Smaller files are not worth finding again elsewhere. */
const MIN_HASHED_BYTES = 16 * 1024;

/**
 * Which members are worth a digest: those of a size that another has, too. The first of a size is known to be worth it
 * only when the second comes.
 */
export class TwinSizes {
  /** The first of each size; undefined once another has come. */
  readonly #firstOf = new Map<number, SpooledMember | undefined>();
  readonly #withTwin: SpooledMember[] = [];

  /** Whether a member of that size came before. */
  seen(sizeBytes: number): boolean {
    return this.#firstOf.has(sizeBytes);
  }

  add(member: SpooledMember): void {
    const { sizeBytes } = member.header;
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
  firstOnes(): readonly SpooledMember[] {
    return this.#withTwin;
  }
}
