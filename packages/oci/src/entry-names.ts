import { ANNOTATION } from './media-types.ts';
import {
  expandReference,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from './reference.ts';
import type { Descriptor } from './types.ts';

/** How the entries of a layout's `index.json` are named: by annotations. */

/** What a reference is called in the store. */
export function fullName(reference: string | Reference): string {
  return typeof reference === 'string'
    ? expandReference(reference)
    : formatReference(withDefaultTag(reference));
}

/** The name without tag and digest. */
export function repositoryOf(name: string): string {
  const { domain, repository } = parseReference(name);
  return `${domain}/${repository}`;
}

/** The expanded name of an entry, also where another tool wrote a short one. */
export function nameOf(entry: Descriptor): string | undefined {
  for (const key of [ANNOTATION.imageName, ANNOTATION.refName]) {
    const written = entry.annotations?.[key];
    if (written === undefined) continue;
    try {
      return expandReference(written);
    } catch {
      // A name that no reference has; the other annotation may.
    }
  }
  return undefined;
}

/** With both annotations, so that every tool finds the name. */
export function named(descriptor: Descriptor, name: string): Descriptor {
  const annotations = { ...descriptor.annotations, [ANNOTATION.imageName]: name, [ANNOTATION.refName]: name };
  return { ...descriptor, annotations };
}

/** The descriptor itself, as `named` was given it. */
export function unnamed(entry: Descriptor): Descriptor {
  const { annotations, ...rest } = entry;
  const others = Object.entries(annotations ?? {}).filter(
    ([key]) => key !== ANNOTATION.imageName && key !== ANNOTATION.refName,
  );
  return others.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(others) };
}

/** An order that does not depend on who came first. */
export function byName(a: Descriptor, b: Descriptor): number {
  const [left, right] = [nameOf(a) ?? '', nameOf(b) ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}
