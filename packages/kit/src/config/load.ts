import { OrlopError, type Problem } from '@orlop/core';
import { kitError } from '../errors.ts';
import {
  entryOf,
  type LocatedMap,
  type LocatedScalar,
  mapScalars,
  type PlainValue,
  toPlain,
} from '../yaml/located.ts';
import { parseYaml } from '../yaml/parse.ts';
import { ProblemList } from '../yaml/problems.ts';
import { crossCheck } from './cross-checks.ts';
import { type ImageYaml, readImageYaml, readIncludes, readVariables } from './image-yaml.ts';
import { mergeDocuments } from './merge.ts';
import { VARIABLE_NAME, Variables } from './variables.ts';

/** A text and where it came from. */
export interface SourceText {
  /** What it is called in messages. */
  readonly name: string;
  readonly text: string;
  /** What two names of the same file have in common; absent where it cannot be read twice. */
  readonly identity?: string;
}

/** The world outside, as the loader needs it. */
export interface SourceReader {
  /**
   * Reads a file, `-` (standard input) or an http(s) URL. `from` is the name of the file that includes it.
   * @throws OrlopError
   */
  read(location: string, from?: string): Promise<SourceText>;
  /** The reference of the component in a folder, given relative to the file `from`. @throws OrlopError */
  template(folder: string, from: string): Promise<string>;
  /** What is wrong with a file's `source`, or undefined. */
  fileProblem(source: string): Promise<string | undefined>;
}

export interface LoadOptions {
  readonly reader: SourceReader;
  /** Values of variables: NAME to text. @default none */
  readonly set?: ReadonlyMap<string, string>;
}

/** A description that passed every check that can be made before an image is looked at. */
export interface LoadedYaml {
  readonly yaml: ImageYaml;
  /** The files as one, after variables and templates. */
  readonly merged: LocatedMap;
  readonly plain: Readonly<Record<string, PlainValue | undefined>>;
  readonly warnings: readonly Problem[];
}

/**
 * Reads and merges the image descriptions of all `locations` and checks the whole.
 * @throws OrlopError `kit.invalid-yaml` with every problem, each at its file, line and column.
 */
export async function loadImageYaml(locations: readonly string[], options: LoadOptions): Promise<LoadedYaml> {
  const problems = new ProblemList();
  const collector = new DocumentCollector(options.reader, problems);
  for (const location of locations) await collector.add(location);
  for (const name of options.set?.keys() ?? []) {
    if (!VARIABLE_NAME.test(name)) throw kitError('kit.invalid-option', `"${name}" is no variable name`);
  }
  const variables = new Variables(collector.variables, options.set ?? new Map());
  const expanded = mapScalars(mergeDocuments(collector.documents), (scalar) =>
    variables.expand(scalar, problems),
  );
  const merged = (await resolveTemplates(expanded as LocatedMap, options.reader, problems)) as LocatedMap;
  const yaml = readImageYaml(merged, { path: '', problems }) ?? {};
  crossCheck(yaml, merged, problems);
  await checkFileSources(yaml, options.reader, problems);
  const unused = variables.unused();
  if (problems.length === 0 && unused.length > 0) {
    throw kitError('kit.invalid-option', `no file uses the variable ${unused.join(', ')}`, {
      hint: 'a file uses it as a dollar sign and its name in braces',
    });
  }
  if (problems.length > 0) throw invalidYaml(problems.sorted());
  const plain = toPlain(merged) as Readonly<Record<string, PlainValue | undefined>>;
  return { yaml, merged, plain, warnings: collector.warnings };
}

function invalidYaml(problems: readonly Problem[]): OrlopError {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  return kitError('kit.invalid-yaml', `the image description has ${count}`, { problems });
}

/** A server can make files that include ever others. */
const MAX_INCLUDED = 1000;

/** Reads documents with what they include, each once and before the one that includes it. */
class DocumentCollector {
  readonly documents: LocatedMap[] = [];
  readonly variables = new Map<string, string | null>();
  readonly warnings: Problem[] = [];
  readonly #reader: SourceReader;
  readonly #problems: ProblemList;
  readonly #included = new Set<string>();
  readonly #open: string[] = [];
  #inclusions = 0;

  constructor(reader: SourceReader, problems: ProblemList) {
    this.#reader = reader;
    this.#problems = problems;
  }

  async add(location: string): Promise<void> {
    await this.#take(await this.#reader.read(location));
  }

  async #take(source: SourceText): Promise<void> {
    const parsed = parseYaml(source.text, source.name);
    this.#problems.addAll(parsed.problems);
    this.warnings.push(...parsed.warnings);
    const { root } = parsed;
    if (root === undefined) return;
    if (root.kind !== 'map') {
      this.#problems.add(
        root.position,
        'an image description is a mapping with keys such as "kernel" and "init"',
      );
      return;
    }
    if (source.identity !== undefined) this.#included.add(source.identity);
    this.#open.push(source.identity ?? source.name);
    await this.#takeIncludes(root, source.name);
    this.#open.pop();
    this.#takeVariables(root);
    const own = root.entries.filter(({ key }) => key !== 'include' && key !== 'variables');
    this.documents.push({ ...root, entries: own });
  }

  async #takeIncludes(root: LocatedMap, from: string): Promise<void> {
    const entry = entryOf(root, 'include');
    if (entry === undefined) return;
    const places = readIncludes(entry.value, { path: 'include', problems: this.#problems });
    for (const place of places ?? []) {
      if (this.#inclusions === MAX_INCLUDED) {
        this.#problems.add(place.position, `${place.path}: more than ${MAX_INCLUDED} files are included`);
        return;
      }
      this.#inclusions++;
      let source: SourceText;
      try {
        source = await this.#reader.read(place.value, from);
      } catch (error) {
        if (!(error instanceof OrlopError) || error.kind === 'cancelled') throw error;
        this.#problems.add(place.position, `${place.path}: ${error.message}`);
        continue;
      }
      if (source.identity !== undefined && this.#open.includes(source.identity)) {
        this.#problems.add(place.position, `${place.path}: "${place.value}" includes itself`);
      } else if (source.identity === undefined || !this.#included.has(source.identity)) {
        await this.#take(source);
      }
    }
  }

  #takeVariables(root: LocatedMap): void {
    const entry = entryOf(root, 'variables');
    if (entry === undefined || (entry.value.kind === 'scalar' && entry.value.value === null)) return;
    const declared = readVariables(entry.value, { path: 'variables', problems: this.#problems });
    for (const [name, value] of Object.entries(declared ?? {})) {
      if (VARIABLE_NAME.test(name)) {
        if (value !== null || !this.variables.has(name)) this.variables.set(name, value);
      } else {
        this.#problems.add(
          entry.keyPosition,
          `variables: "${name}" is no variable name: it takes letters, digits and "_"`,
        );
      }
    }
  }
}

const TEMPLATE = '@pkg:';

async function resolveTemplates(
  root: LocatedMap,
  reader: SourceReader,
  problems: ProblemList,
): Promise<ReturnType<typeof mapScalars>> {
  const found: LocatedScalar[] = [];
  mapScalars(root, (scalar) => {
    if (typeof scalar.value === 'string' && scalar.value.startsWith(TEMPLATE)) found.push(scalar);
    return scalar;
  });
  const resolved = new Map<LocatedScalar, LocatedScalar>();
  for (const scalar of found) {
    const folder = String(scalar.value).slice(TEMPLATE.length);
    try {
      const value = await reader.template(folder, scalar.position.file);
      resolved.set(scalar, { ...scalar, value });
    } catch (error) {
      if (!(error instanceof OrlopError) || error.kind === 'cancelled') throw error;
      problems.add(scalar.position, `${String(scalar.value)}: ${error.message}`);
      problems.addAll(error.problems);
      // A text that passes as a reference, so that the failure is said once.
      resolved.set(scalar, { ...scalar, value: 'unresolved' });
    }
  }
  return mapScalars(root, (scalar) => resolved.get(scalar) ?? scalar);
}

async function checkFileSources(yaml: ImageYaml, reader: SourceReader, problems: ProblemList): Promise<void> {
  for (const { value, position, path } of yaml.files ?? []) {
    if (value.source === undefined || value.optional) continue;
    const message = await reader.fileProblem(value.source);
    if (message !== undefined) problems.add(position, `${path}: ${message}`);
  }
}
