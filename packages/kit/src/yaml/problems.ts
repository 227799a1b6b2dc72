import type { Problem, SourcePosition } from '@orlop/core';

/** Gathers what is wrong, so that all of it is said at once. */
export class ProblemList {
  readonly #problems: Problem[] = [];

  add(position: SourcePosition, message: string): void {
    this.#problems.push({ message, position });
  }

  addAll(problems: Iterable<Problem>): void {
    this.#problems.push(...problems);
  }

  get length(): number {
    return this.#problems.length;
  }

  /** By file in the order of their first problem, then by line and column; each said once. */
  sorted(): readonly Problem[] {
    const files = [...new Set(this.#problems.map((problem) => problem.position?.file))];
    const seen = new Set<string>();
    return this.#problems
      .filter((problem) => {
        const key = JSON.stringify([problem.position, problem.message]);
        return !seen.has(key) && seen.add(key);
      })
      .sort(
        (a, b) =>
          files.indexOf(a.position?.file) - files.indexOf(b.position?.file) ||
          (a.position?.line ?? 0) - (b.position?.line ?? 0) ||
          (a.position?.column ?? 0) - (b.position?.column ?? 0),
      );
  }
}
