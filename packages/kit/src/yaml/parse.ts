import type { Problem, SourcePosition } from '@orlop/core';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { Located, LocatedEntry, LocatedMap, LocatedScalar, ScalarValue } from './located.ts';

export interface ParsedYaml {
  /** Absent when the text is no YAML at all. */
  readonly root?: Located;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Nodes after aliases are replaced by what they stand for: bounds what a few nested aliases can grow to. */
const MAX_NODES = 100_000;
/** Deeper nesting than this is no image description, and would exhaust the stack. */
const MAX_DEPTH = 100;

/**
 * Parses the first document of a YAML text (LinuxKit reads no other). Anchors and merge keys are resolved;
 * a key that stands twice is a problem. Never throws.
 */
export function parseYaml(text: string, file: string): ParsedYaml {
  const lines = new LineCounter();
  const positionAt = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(Math.max(0, offset));
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (nestingOf(text) > MAX_DEPTH) {
    return { problems: [{ message: TOO_DEEP, position: { file, line: 1, column: 1 } }], warnings: [] };
  }
  let documents: ReturnType<typeof parseAllDocuments>;
  try {
    documents = parseAllDocuments(text, {
      lineCounter: lines,
      merge: true,
      intAsBigInt: true,
      prettyErrors: false,
      logLevel: 'silent',
    });
  } catch (error) {
    const message = `this is not YAML: ${error instanceof Error ? error.message : String(error)}`;
    return { problems: [{ message, position: { file, line: 1, column: 1 } }], warnings: [] };
  }
  const [document, second] = documents as Document.Parsed[];
  if (document === undefined || document.contents === null) {
    const problem = firstProblem(document, positionAt);
    return { problems: [problem ?? { message: 'the file is empty', position: positionAt(0) }], warnings: [] };
  }
  const problems = document.errors.map((error) => describeError(error, positionAt));
  const warnings: Problem[] = document.warnings.map((warning) => ({
    message: warning.message,
    position: positionAt(warning.pos[0]),
  }));
  if (second !== undefined) {
    const position = positionAt(second.contents?.range?.[0] ?? second.range?.[0] ?? 0);
    warnings.push({ message: 'only the first document of a file is read', position });
  }
  if (problems.length > 0) return { problems, warnings };
  const reader = new NodeReader(positionAt, problems);
  const root = reader.read(document.contents as Node, 0);
  return problems.length > 0 ? { problems, warnings } : { root, problems, warnings };
}

const TOO_DEEP = `nested deeper than ${MAX_DEPTH} levels`;

/** An upper bound of a text's nesting: flow brackets, or the leading `- ` and spaces of a line. */
function nestingOf(text: string): number {
  let flow = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x5b || char === 0x7b) deepest = Math.max(deepest, ++flow);
    else if ((char === 0x5d || char === 0x7d) && flow > 0) flow--;
  }
  for (const match of text.matchAll(/^[ ]*(?:[-?:] +){20,}/gm)) {
    deepest = Math.max(deepest, match[0].replace(/[^-?:]/g, '').length);
  }
  return deepest;
}

function firstProblem(
  document: Document.Parsed | undefined,
  positionAt: (offset: number) => SourcePosition,
): Problem | undefined {
  const error = document?.errors[0];
  return error === undefined ? undefined : describeError(error, positionAt);
}

function describeError(error: YAMLError, positionAt: (offset: number) => SourcePosition): Problem {
  const message =
    error.code === 'DUPLICATE_KEY' ? 'this key stands twice in the same mapping' : firstLine(error.message);
  return { message, position: positionAt(error.pos[0]) };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

class NodeReader {
  readonly #positionAt: (offset: number) => SourcePosition;
  readonly #problems: Problem[];
  /** Anchored nodes being read, to find one that contains itself. */
  readonly #open = new Set<Node>();
  readonly #anchors = new Map<string, Node>();
  #inAlias = 0;
  #count = 0;

  constructor(positionAt: (offset: number) => SourcePosition, problems: Problem[]) {
    this.#positionAt = positionAt;
    this.#problems = problems;
  }

  read(node: Node | null, depth: number): Located {
    const position = this.#positionAt(node?.range?.[0] ?? 0);
    const nothing: LocatedScalar = { kind: 'scalar', value: null, plain: true, position };
    if (node === null) return nothing;
    if (++this.#count > MAX_NODES) {
      if (this.#count === MAX_NODES + 1) this.#fail(position, `more than ${MAX_NODES} values`);
      return nothing;
    }
    if (depth > MAX_DEPTH) {
      this.#fail(position, TOO_DEEP);
      return nothing;
    }
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined) {
        this.#fail(position, `no anchor &${node.source} stands before this alias`);
        return nothing;
      }
      if (this.#open.has(target)) {
        this.#fail(position, `the alias *${node.source} stands inside what it names`);
        return nothing;
      }
      this.#inAlias++;
      const value = this.read(target, depth + 1);
      this.#inAlias--;
      return value;
    }
    // An anchor counts from where it stands on; what an alias stands for was met before.
    if (this.#inAlias === 0 && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return { kind: 'scalar', value: scalarOf(node), plain: isPlain(node), position };
    this.#open.add(node);
    try {
      if (isSeq(node)) {
        const items = node.items.map((item) => this.read(item as Node | null, depth + 1));
        return { kind: 'list', items, position };
      }
      if (isMap(node)) return this.#readMap(node as YAMLMap, position, depth);
      return nothing;
    } finally {
      this.#open.delete(node);
    }
  }

  #readMap(node: YAMLMap, position: SourcePosition, depth: number): LocatedMap {
    const own: LocatedEntry[] = [];
    const merged: LocatedEntry[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const keyPosition = this.#positionAt(pair.key?.range?.[0] ?? 0);
      if (!isScalar(pair.key)) {
        this.#fail(keyPosition, 'a key must be a plain string');
        continue;
      }
      const value = this.read(pair.value ?? null, depth + 1);
      // An absent value has no place of its own.
      const located = pair.value?.range === undefined ? { ...value, position: keyPosition } : value;
      const key = keyText(pair.key);
      if (key === '<<' && isPlain(pair.key)) merged.push(...this.#mergeEntries(located));
      else own.push({ key, keyPosition, value: located });
    }
    const seen = new Set(own.map((entry) => entry.key));
    const entries = [...own];
    for (const entry of merged) {
      if (!seen.has(entry.key)) entries.push(entry);
      seen.add(entry.key);
    }
    return { kind: 'map', entries, position };
  }

  /** YAML 1.1 merge keys: a mapping, or a list of mappings of which the earlier win. */
  #mergeEntries(value: Located): readonly LocatedEntry[] {
    if (value.kind === 'map') return value.entries;
    if (value.kind === 'list' && value.items.every((item) => item.kind === 'map')) {
      return value.items.flatMap((item) => (item.kind === 'map' ? item.entries : []));
    }
    this.#fail(value.position, 'a merge key (<<) takes a mapping or a list of mappings');
    return [];
  }

  #fail(position: SourcePosition, message: string): void {
    this.#problems.push({ message, position });
  }
}

function isPlain(node: Scalar): boolean {
  return node.type === 'PLAIN' || node.type === undefined;
}

function keyText(key: Scalar): string {
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

function scalarOf(node: Scalar): ScalarValue {
  const { value } = node;
  if (typeof value === 'bigint') return narrow(octalOf(node.source ?? '') ?? value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : (node.source ?? String(value));
}

function narrow(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}

/** A number with a leading zero is octal in YAML 1.1, and in LinuxKit: `uid: 0100` is 64. */
function octalOf(text: string): bigint | undefined {
  const [, sign, digits] = /^([-+]?)0([0-7]+)$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return sign === '-' ? -BigInt(`0o${digits}`) : BigInt(`0o${digits}`);
}

/** The type that YAML's core schema, but for octal numbers, gives an unquoted text. */
export function resolvePlainScalar(text: string): ScalarValue {
  if (/^(?:~|null|Null|NULL)?$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?[0-9]+$/.test(text)) return narrow(octalOf(text) ?? BigInt(text.replace(/^\+/, '')));
  if (/^0o[0-7]+$/.test(text) || /^0x[0-9a-fA-F]+$/.test(text)) return narrow(BigInt(text));
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(text)) return Number(text);
  return text;
}
