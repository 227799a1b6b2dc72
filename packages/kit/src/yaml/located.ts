import type { SourcePosition } from '@orlop/core';

/** A YAML value that knows where it stands, so that whatever is wrong with it can be pointed at. */
export type Located = LocatedScalar | LocatedList | LocatedMap;

export interface LocatedScalar {
  readonly kind: 'scalar';
  readonly value: ScalarValue;
  /** Written without quotes: its type is then inferred from its text. */
  readonly plain: boolean;
  readonly position: SourcePosition;
}

/** Integers beyond 2^53 are bigints. */
export type ScalarValue = string | number | bigint | boolean | null;

export interface LocatedList {
  readonly kind: 'list';
  readonly items: readonly Located[];
  readonly position: SourcePosition;
}

export interface LocatedMap {
  readonly kind: 'map';
  readonly entries: readonly LocatedEntry[];
  readonly position: SourcePosition;
}

export interface LocatedEntry {
  readonly key: string;
  readonly keyPosition: SourcePosition;
  readonly value: Located;
}

/** A value as plain JavaScript, without positions. */
export type PlainValue =
  | ScalarValue
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue | undefined };

/** The entry of a mapping, or undefined when it has none of that key. */
export function entryOf(map: LocatedMap, key: string): LocatedEntry | undefined {
  return map.entries.find((entry) => entry.key === key);
}

/** The same value with every scalar replaced by what `replace` says. */
export function mapScalars(node: Located, replace: (scalar: LocatedScalar) => LocatedScalar): Located {
  switch (node.kind) {
    case 'scalar':
      return replace(node);
    case 'list':
      return { ...node, items: node.items.map((item) => mapScalars(item, replace)) };
    case 'map':
      return {
        ...node,
        entries: node.entries.map((entry) => ({ ...entry, value: mapScalars(entry.value, replace) })),
      };
  }
}

/** The value without its positions. */
export function toPlain(node: Located): PlainValue {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(toPlain);
    case 'map':
      return Object.fromEntries(node.entries.map((entry) => [entry.key, toPlain(entry.value)]));
  }
}

/** What a person calls the value in a message: `a list`, `the number 5`. */
export function describe(node: Located): string {
  switch (node.kind) {
    case 'list':
      return 'a list';
    case 'map':
      return 'a mapping';
    case 'scalar':
      break;
  }
  const { value } = node;
  if (value === null) return 'nothing';
  if (typeof value === 'string') return `the string ${JSON.stringify(shorten(value))}`;
  if (typeof value === 'boolean') return String(value);
  return `the number ${value}`;
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
