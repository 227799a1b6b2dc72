import { nearestWord, type Problem, type SourcePosition } from '@orlop/core';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from 'yaml';

/** A node of a YAML document, with the problems of the whole document behind it. */
export interface YamlValue {
  readonly node: Node | null;
  /** How messages name it, e.g. `debian.files[0].mode`. */
  readonly path: string;
}

/** What reads each field of a mapping, by its key. */
export type FieldReaders = Readonly<Record<string, (field: YamlValue) => void>>;

/**
 * Reads a YAML document into typed values and collects everything that is wrong with it, each with its place.
 * A reader method whose value is wrong notes the problem and returns undefined.
 */
export class YamlReader {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #problems: Problem[] = [];
  readonly #document: Document.Parsed;
  readonly root: YamlValue;

  constructor(file: string, text: string) {
    this.#file = file;
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, merge: true });
    this.#document = document;
    for (const error of document.errors) {
      this.#problems.push({ message: error.message, position: this.#at(error.pos[0]) });
    }
    this.root = { node: document.contents, path: '' };
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  note(value: YamlValue, message: string): undefined {
    this.#problems.push({ message, position: this.position(value) });
    return undefined;
  }

  position(value: YamlValue): SourcePosition {
    return this.#at(value.node?.range?.[0] ?? 0);
  }

  /** The fields of a mapping, each given to its own reader; a key that has none is a problem. */
  fields(value: YamlValue, readers: FieldReaders, required: readonly string[] = []): void {
    const map = this.#map(value);
    if (map === undefined) return;
    const seen = new Set<string>();
    for (const [key, field, keyValue] of this.#entries(map, value.path)) {
      seen.add(key);
      const read = Object.hasOwn(readers, key) ? readers[key] : undefined;
      if (read === undefined) this.note(keyValue, unknownKey(keyValue.path, key, Object.keys(readers)));
      else read(field);
    }
    for (const key of required) {
      if (!seen.has(key)) this.note(value, `${join(value.path, key)} is missing`);
    }
  }

  /** The entries of a mapping whose keys are the user's own. */
  entries(value: YamlValue): readonly (readonly [key: string, field: YamlValue])[] {
    const map = this.#map(value);
    return map === undefined
      ? []
      : this.#entries(map, value.path).map(([key, field]) => [key, field] as const);
  }

  items(value: YamlValue): readonly YamlValue[] {
    if (!isSeq(value.node)) {
      this.note(value, `${value.path} must be a list, not ${describe(value.node)}`);
      return [];
    }
    return value.node.items.map((node, index) => ({
      ...{ node: this.#resolved(node as Node), path: `${value.path}[${index}]` },
    }));
  }

  string(value: YamlValue): string | undefined {
    if (isScalar(value.node) && typeof value.node.value === 'string') return value.node.value;
    return this.note(value, `${value.path} must be a string, not ${describe(value.node)}`);
  }

  strings(value: YamlValue): readonly string[] {
    return this.items(value).flatMap((item) => this.string(item) ?? []);
  }

  /** Plain words of YAML 1.1 besides, which Go's reader takes where a switch is wanted. */
  boolean(value: YamlValue): boolean | undefined {
    const read = isScalar(value.node) ? value.node.value : undefined;
    if (typeof read === 'boolean') return read;
    if (typeof read === 'string' && /^(y|Y|yes|on)$/.test(read)) return true;
    if (typeof read === 'string' && /^(n|N|no|off)$/.test(read)) return false;
    return this.note(value, `${value.path} must be true or false, not ${describe(value.node)}`);
  }

  /** An integer from 0 to 2^32 - 2: what a user or group number may be. */
  id(value: YamlValue): number | undefined {
    const number = isScalar(value.node) ? value.node.value : undefined;
    if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < 0xffff_ffff) {
      return number;
    }
    return this.note(
      value,
      `${value.path} must be a number from 0 to 4294967294, not ${describe(value.node)}`,
    );
  }

  oneOf<const Choice extends string>(value: YamlValue, choices: readonly Choice[]): Choice | undefined {
    const text = isScalar(value.node) ? value.node.value : undefined;
    const choice = choices.find((one) => one === text);
    if (choice !== undefined) return choice;
    return this.note(
      value,
      `${value.path} must be one of ${choices.join(', ')}, not ${describe(value.node)}`,
    );
  }

  /** A mapping as plain data. */
  object(value: YamlValue): Readonly<Record<string, unknown>> | undefined {
    const map = this.#map(value);
    return map === undefined ? undefined : (map.toJS(this.#document) as Readonly<Record<string, unknown>>);
  }

  /** A scalar as it is written, whatever type that has. */
  written(value: YamlValue): string | undefined {
    if (isScalar(value.node)) return value.node.source ?? String(value.node.value);
    return this.note(value, `${value.path} must be a string, not ${describe(value.node)}`);
  }

  /** What an alias stands for. */
  #resolved(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? node) : node;
  }

  #map(value: YamlValue): YAMLMap | undefined {
    if (isMap(value.node)) return value.node;
    const subject = value.path === '' ? 'the document' : value.path;
    return this.note(value, `${subject} must be a mapping, not ${describe(value.node)}`);
  }

  #entries(map: YAMLMap, path: string): readonly (readonly [string, YamlValue, YamlValue])[] {
    return map.items.map((pair) => {
      const keyNode = pair.key as Node;
      const key = isScalar(keyNode) ? String(keyNode.value) : '';
      const own = join(path, key);
      // An empty value has no place of its own: it stands where its key does.
      const node = this.#resolved(pair.value as Node | null);
      const field: YamlValue = { node: node?.range == null ? keyNode : node, path: own };
      return [key, node === null ? { ...field, node: null } : field, { node: keyNode, path }] as const;
    });
  }

  #at(offset: number): SourcePosition {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function unknownKey(path: string, key: string, known: readonly string[]): string {
  const near = nearestWord(key, known);
  return `unknown key ${join(path, key)}${near === undefined ? '' : `, did you mean ${near}?`}`;
}

function describe(node: Node | null): string {
  if (node === null) return 'nothing';
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (isScalar(node)) {
    if (node.value === null) return 'nothing';
    return typeof node.value === 'string'
      ? `"${node.value}"`
      : `the ${typeof node.value} ${String(node.value)}`;
  }
  return 'an alias';
}
