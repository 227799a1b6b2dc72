import type { LocatedScalar } from '../yaml/located.ts';
import { resolvePlainScalar } from '../yaml/parse.ts';
import type { ProblemList } from '../yaml/problems.ts';

export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const USE = /(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/**
 * Replaces `${NAME}` and `${NAME:-default}` in texts, but only for the names that were declared: everything else
 * stays as it is, byte for byte, so that a script in a file's contents keeps its own variables.
 * `$${NAME}` stands for the text `${NAME}` of a declared name.
 */
export class Variables {
  /** Null: declared, without a default. */
  readonly #declared: ReadonlyMap<string, string | null>;
  readonly #given: ReadonlyMap<string, string>;
  readonly #used = new Set<string>();

  constructor(declared: ReadonlyMap<string, string | null>, given: ReadonlyMap<string, string>) {
    this.#declared = declared;
    this.#given = given;
  }

  /** The scalar with its variables replaced. An unquoted one gets the type that its new text has. */
  expand(scalar: LocatedScalar, problems: ProblemList): LocatedScalar {
    const { value } = scalar;
    if (typeof value !== 'string' || !value.includes('${')) return scalar;
    const text = value.replace(USE, (whole, dollar: string, name: string, fallback: string | undefined) => {
      if (!this.#declared.has(name) && !this.#given.has(name)) return whole;
      this.#used.add(name);
      if (dollar !== '') return whole.slice(1);
      const replacement = this.#given.get(name) ?? fallback ?? this.#declared.get(name);
      if (replacement !== undefined && replacement !== null) return replacement;
      problems.add(scalar.position, `the variable ${name} has no value: give it one by --set ${name}=…`);
      // Passes as part of a reference, so that the failure is said once.
      return 'unset';
    });
    if (text === value) return scalar;
    return { ...scalar, value: scalar.plain ? resolvePlainScalar(text) : text };
  }

  /** What was given from outside, but neither declared nor used: most likely mistyped. */
  unused(): readonly string[] {
    return [...this.#given.keys()].filter((name) => !this.#used.has(name) && !this.#declared.has(name));
  }
}
