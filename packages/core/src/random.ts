/** A source of chance, given to whoever needs it: the system's in programs, a seeded one in tests. */
export interface Random {
  /** Fills `into` with random bytes. */
  fill(into: Uint8Array): void;
  /** A random integer, 0 <= n < 2^32. */
  u32(): number;
}
