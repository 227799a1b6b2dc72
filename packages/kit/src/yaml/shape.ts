import { nearestWord, type SourcePosition } from '@orlop/core';
import { describe, type Located, type LocatedMap } from './located.ts';
import type { ProblemList } from './problems.ts';

/**
 * Reads a value of a known form out of a located one. What is wrong is added to `at.problems`, and undefined
 * returned; the reading of siblings goes on, so that all problems are found in one go.
 */
export type Reader<T> = (node: Located, at: ReadPlace) => T | undefined;

export interface ReadPlace {
  /** Where the value stands in the document, e.g. `services[0].binds[1]`; empty at the root. */
  readonly path: string;
  readonly problems: ProblemList;
}

/** A value with the place that it was read from. */
export interface Placed<T> {
  readonly value: T;
  readonly position: SourcePosition;
  readonly path: string;
}

export type ValueOf<R> = R extends Reader<infer T> ? T : never;
export type Shape = Readonly<Record<string, Reader<unknown>>>;
export type ObjectOf<S extends Shape, Required extends keyof S = never> = {
  readonly [K in Exclude<keyof S, Required>]?: ValueOf<S[K]>;
} & { readonly [K in Required]: ValueOf<S[K]> };

/** Adds a problem at a value and returns undefined, so that a reader can `return problem(…)`. */
export function problem(node: Located, at: ReadPlace, message: string): undefined {
  at.problems.add(node.position, at.path === '' ? message : `${at.path}: ${message}`);
  return undefined;
}

export const string: Reader<string> = (node, at) => {
  if (node.kind === 'scalar' && typeof node.value === 'string') return node.value;
  const quotes =
    node.kind === 'scalar' && node.value !== null ? ': put it in quotes if it is meant as text' : '';
  return problem(node, at, `expected a string, got ${describe(node)}${quotes}`);
};

export const boolean: Reader<boolean> = (node, at) =>
  node.kind === 'scalar' && typeof node.value === 'boolean'
    ? node.value
    : problem(node, at, `expected true or false, got ${describe(node)}`);

/** An integer within bounds, both included. Beyond 2^53 it is a bigint. */
export function integer(min: number | bigint, max: number | bigint): Reader<number | bigint> {
  return (node, at) => {
    const value = node.kind === 'scalar' ? node.value : null;
    const isInteger = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
    if (!isInteger) return problem(node, at, `expected an integer, got ${describe(node)}`);
    if (value < min || value > max) {
      return problem(node, at, `${value} is out of range: it may be ${min} to ${max}`);
    }
    return value;
  };
}

export const int64 = integer(-(2n ** 63n), 2n ** 63n - 1n);
export const uint64 = integer(0, 2n ** 64n - 1n);
export const uint32 = integer(0, 2 ** 32 - 1);
export const uint16 = integer(0, 2 ** 16 - 1);

/** One of some words. */
export function choice<const T extends string>(...values: readonly T[]): Reader<T> {
  return (node, at) => {
    const text = string(node, at);
    if (text === undefined) return undefined;
    const found = values.find((value) => value === text);
    return found ?? problem(node, at, `expected ${orList(values)}, got ${describe(node)}`);
  };
}

/** A list; items that are wrong are left out. */
export function listOf<T>(item: Reader<T>): Reader<readonly T[]> {
  return (node, at) => {
    if (node.kind !== 'list') return problem(node, at, `expected a list, got ${describe(node)}`);
    const values: T[] = [];
    for (const [index, element] of node.items.entries()) {
      const value = item(element, { ...at, path: `${at.path}[${index}]` });
      if (value !== undefined) values.push(value);
    }
    return values;
  };
}

/** A mapping of any keys to values of one form. */
export function mapOf<T>(value: Reader<T>): Reader<Readonly<Record<string, T>>> {
  return (node, at) => {
    if (node.kind !== 'map') return problem(node, at, `expected a mapping, got ${describe(node)}`);
    const values: [string, T][] = [];
    for (const entry of node.entries) {
      const read = value(entry.value, { ...at, path: memberPath(at.path, entry.key) });
      if (read !== undefined) values.push([entry.key, read]);
    }
    return Object.fromEntries(values);
  };
}

/** A mapping of known keys. Without a required one the whole is undefined; others that are wrong are left out. */
export function object<S extends Shape, const R extends keyof S & string = never>(
  shape: S,
  required: readonly R[] = [],
): Reader<ObjectOf<S, R>> {
  return (node, at) => {
    if (node.kind !== 'map') return problem(node, at, `expected a mapping, got ${describe(node)}`);
    const values = readMembers(node, at, shape);
    let whole = true;
    for (const key of required) {
      if (!node.entries.some((entry) => entry.key === key)) {
        problem(node, at, `"${key}" is missing`);
        whole = false;
      } else if (!values.has(key)) whole = false;
    }
    // The shape that was just checked: a parse boundary.
    return whole ? (Object.fromEntries(values) as ObjectOf<S, R>) : undefined;
  };
}

function readMembers(node: LocatedMap, at: ReadPlace, shape: Shape): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const entry of node.entries) {
    const reader = Object.hasOwn(shape, entry.key) ? shape[entry.key] : undefined;
    if (reader === undefined) {
      const near = nearestWord(entry.key, Object.keys(shape));
      const where = at.path === '' ? '' : `${at.path}: `;
      const hint = near === undefined ? '' : `: did you mean "${near}"?`;
      at.problems.add(entry.keyPosition, `${where}unknown key "${entry.key}"${hint}`);
      continue;
    }
    const value = reader(entry.value, { ...at, path: memberPath(at.path, entry.key) });
    if (value !== undefined) values.set(entry.key, value);
  }
  return values;
}

/** Reads further what another reader has read: `next` may add problems of its own. */
export function refine<T, U>(
  reader: Reader<T>,
  next: (value: T, node: Located, at: ReadPlace) => U | undefined,
): Reader<U> {
  return (node, at) => {
    const value = reader(node, at);
    return value === undefined ? undefined : next(value, node, at);
  };
}

/** A string that `check` finds nothing wrong with; it returns the message otherwise. */
export function checked(check: (text: string) => string | undefined): Reader<string> {
  return refine(string, (text, node, at) => {
    const message = check(text);
    return message === undefined ? text : problem(node, at, message);
  });
}

/** Keeps where the value was read from. */
export function placed<T>(reader: Reader<T>): Reader<Placed<T>> {
  return refine(reader, (value, node, at) => ({ value, position: node.position, path: at.path }));
}

/** The place of a mapping's member, as problems name it. */
function memberPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** `"a", "b" or "c"`. */
function orList(values: readonly string[]): string {
  const quoted = values.map((value) => `"${value}"`);
  const last = quoted.pop() ?? '';
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`;
}
