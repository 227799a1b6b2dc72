import { resolve } from 'node:path';
import { OrlopError, type Problem } from '@orlop/core';
import type { JsonSchema, NetworkConfig, SchemaPath } from '@orlop/vnet';
import { type Document, LineCounter, parseDocument } from 'yaml';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { readNamedText } from '../read-whole.ts';

/**
 * Reads a network's configuration from YAML (or JSON, which is YAML), with all its problems at their places.
 *
 * @throws OrlopError `net.no-config`, `net.config-invalid`
 */
export async function readNetworkFile(context: CommandContext, file: string): Promise<NetworkConfig> {
  const { NETWORK_SCHEMA, readNetworkConfig } = await import('@orlop/vnet');
  return readSchemaFile(context, file, {
    schema: NETWORK_SCHEMA,
    read: (value) => {
      readNetworkConfig(value as NetworkConfig);
      return value as NetworkConfig;
    },
  });
}

/**
 * A file of YAML that holds to a schema, and what `read` makes of it; problems of both are told at their places.
 *
 * @throws OrlopError `net.no-config`, `net.config-invalid`
 */
export async function readSchemaFile<T>(
  context: CommandContext,
  file: string,
  { schema, read }: { readonly schema: JsonSchema; readonly read: (value: unknown) => T },
): Promise<T> {
  const text = await readText(resolve(context.cwd, file), file);
  const { formatPath, validateSchema } = await import('@orlop/vnet');
  const lines = new LineCounter();
  // It throws where an alias has no anchor, or stands for too much, and where nesting exhausts the stack.
  const attempt = <R>(work: () => R): R => {
    try {
      return work();
    } catch (error) {
      const message =
        error instanceof RangeError ? 'it is nested too deep' : String(error).replace(/^\w+: /, '');
      throw invalid(file, [problemAt(message, 0, { lines, file })]);
    }
  };
  const document = attempt(() => parseDocument(text, { lineCounter: lines, prettyErrors: false }));
  const place = { document, lines, file, formatPath };
  if (document.errors.length > 0) {
    throw invalid(
      file,
      document.errors.map(({ message, code, pos }) =>
        problemAt(code === 'MULTIPLE_DOCS' ? 'a second document begins here' : message, pos[0], place),
      ),
    );
  }
  const value: unknown = attempt(() => document.toJS({ maxAliasCount: 100 })) ?? {};
  const problems = validateSchema(schema, value);
  if (problems.length > 0)
    throw invalid(
      file,
      problems.map((problem) => located(problem, place)),
    );
  try {
    return read(value);
  } catch (error) {
    if (!(error instanceof OrlopError) || error.problems.length === 0) throw error;
    throw invalid(
      file,
      error.problems.map((problem) => located(problem, place)),
    );
  }
}

interface Place {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly file: string;
  readonly formatPath: (path: SchemaPath) => string;
}

/** The deepest part of the path that is in the file, by its name where the problem does not say that. */
function located(problem: Problem & { readonly path?: SchemaPath }, place: Place): Problem {
  const key = problem.path?.findLast((step) => typeof step === 'string');
  const message =
    key === undefined || problem.message.includes(key)
      ? problem.message
      : `${place.formatPath(problem.path ?? [])}: ${problem.message}`;
  for (let path = [...(problem.path ?? [])]; path.length > 0; path.pop()) {
    const node = place.document.getIn(path, true);
    const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
    if (Array.isArray(range)) return problemAt(message, range[0], place);
  }
  return problemAt(message, 0, place);
}

function problemAt(message: string, offset: number, { lines, file }: Pick<Place, 'lines' | 'file'>): Problem {
  const { line, col } = lines.linePos(offset);
  return { message, position: { file, line: Math.max(1, line), column: Math.max(1, col) } };
}

function invalid(file: string, problems: readonly Problem[]): OrlopError {
  return cliError('net.config-invalid', `${file} is no configuration of a network`, {
    problems,
  });
}

async function readText(path: string, file: string): Promise<string> {
  try {
    return await readNamedText(path);
  } catch (cause) {
    throw cliError('net.no-config', `cannot read the network's configuration ${file}`, {
      cause,
    });
  }
}
