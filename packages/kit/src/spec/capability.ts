import { CAPABILITIES } from '@orlop/core';

/** A list with its single `all` or `none`, in any case, replaced by what it means. */
export function expandCapabilities(names: readonly string[]): readonly string[] {
  const [only] = names;
  if (names.length !== 1 || only === undefined) return names;
  switch (only.toLowerCase()) {
    case 'all':
      return CAPABILITIES;
    case 'none':
      return [];
    default:
      return names;
  }
}

/** What is wrong with an entry of a capability list of `count` entries, or undefined. */
export function capabilityProblem(name: string, count: number): string | undefined {
  if (CAPABILITIES.includes(name)) return undefined;
  if (/^(?:all|none)$/i.test(name)) {
    return count === 1 ? undefined : `"${name}" must be the only entry of its list`;
  }
  const upper = name.toUpperCase();
  const meant = CAPABILITIES.find((known) => known === upper || known === `CAP_${upper}`);
  return `unknown capability: ${name}${meant === undefined ? '' : `: did you mean "${meant}"?`}`;
}
