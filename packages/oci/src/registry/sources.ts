import { OrlopError } from '@orlop/core';
import { type Mirror, mirrorsOf } from './endpoints.ts';

/** Who is asked for what is read: a mirror, or (`undefined`) the registry itself. */
export type Source = Mirror | undefined;

interface Refusal {
  readonly source: Source;
  readonly error: OrlopError;
}

/**
 * Reads from the mirrors of a registry in their order, and at last from the registry. A mirror that cannot be
 * reached is not asked again; one that only lacks something is.
 */
export class Sources {
  readonly #mirrors: readonly Mirror[];
  readonly #down = new Map<Mirror, OrlopError>();

  constructor(mirrors: readonly Mirror[]) {
    this.#mirrors = mirrors;
  }

  /**
   * @throws OrlopError of the registry; where there are mirrors, its message says what each of them had to say
   */
  async read<T>(
    domain: string,
    work: (source: Source) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const refusals: Refusal[] = [];
    for (const source of mirrorsOf(this.#mirrors, domain)) {
      try {
        const known = this.#down.get(source);
        if (known !== undefined) throw known;
        return await work(source);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof OrlopError)) throw error;
        if (isAbsence(error)) this.giveUp(source, error);
        refusals.push({ source, error });
      }
    }
    try {
      return await work(undefined);
    } catch (error) {
      signal?.throwIfAborted();
      if (refusals.length === 0 || !(error instanceof OrlopError)) throw error;
      throw triedAll([...refusals, { source: undefined, error }], { domain, last: error });
    }
  }

  /** Asks the mirror no more. Returns whether there is anybody else to ask. */
  giveUp(source: Source, error: OrlopError): boolean {
    if (source !== undefined) this.#down.set(source, error);
    return source !== undefined;
  }
}

/** The peer is not there, in whatever way. */
function isAbsence({ code }: OrlopError): boolean {
  return (
    code === 'oci.registry-unreachable' ||
    code === 'oci.registry-unknown' ||
    code === 'oci.registry-untrusted'
  );
}

/** One failure that names everyone who was asked; its code is the registry's, who has the last word. */
function triedAll(
  refusals: readonly Refusal[],
  { domain, last }: { domain: string; last: OrlopError },
): OrlopError {
  const tried = refusals.map(({ source, error }) =>
    source === undefined
      ? `the registry ${domain}: ${error.message}`
      : `the mirror ${source.url.href}: ${error.message}`,
  );
  return new OrlopError(last.code, last.kind, `neither mirror nor registry helps: ${tried.join('; ')}`, {
    cause: last.cause,
    ...(last.hint !== undefined && { hint: last.hint }),
  });
}
