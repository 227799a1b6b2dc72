/** Ends the program on a bug: for what cannot happen whatever the input is. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}

/** The branch of an exhaustive `switch` that no value reaches. */
export function unreachable(value: never): never {
  throw new Error(`bug: unexpected ${JSON.stringify(value)}`);
}
