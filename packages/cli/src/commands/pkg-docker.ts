import { resolve } from 'node:path';
import type { AnyComponent } from '@orlop/debian';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { readNamedText } from '../read-whole.ts';

export interface DockerfileOptions {
  readonly dockerfile?: string;
  readonly buildArgFile?: readonly string[];
}

/** The definitions, with what the command line says of builds by Docker. */
export async function withDockerfileOptions(
  definitions: readonly AnyComponent[],
  { context, options }: { readonly context: CommandContext; readonly options: DockerfileOptions },
): Promise<readonly AnyComponent[]> {
  const { isByDockerfile } = await import('@orlop/debian');
  const files = await Promise.all((options.buildArgFile ?? []).map((file) => readArguments(file, context)));
  return definitions.map((definition) => {
    if (!isByDockerfile(definition)) return definition;
    const { dockerfile } = definition;
    return {
      ...definition,
      dockerfile: {
        ...dockerfile,
        name: options.dockerfile ?? dockerfile.name,
        // Docker takes the last of several: the command line's word counts.
        buildArguments: [...dockerfile.buildArguments, ...files.flat()],
      },
    };
  });
}

/** A line for each, `KEY=VALUE`; empty lines and those that begin with `#` say nothing. */
async function readArguments(file: string, { cwd }: CommandContext): Promise<readonly string[]> {
  const text = await readNamedText(resolve(cwd, file)).catch((cause) => {
    throw cliError('cli.bad-option', `--build-arg-file ${file} cannot be read`, { cause });
  });
  const lines = text.split('\n').map((line) => line.trim());
  const wrong = lines.find((line) => line !== '' && !/^(#|[A-Za-z_]\w*=)/.test(line));
  if (wrong !== undefined) {
    throw cliError('cli.bad-option', `--build-arg-file ${file}: "${wrong}" is not KEY=VALUE`);
  }
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}
