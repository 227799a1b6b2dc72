import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { type Architecture, formatProblem, type OrlopError, type ReportProgress } from '@orlop/core';
import type { HostSources, ImageResolver, Lock, Substitution } from '@orlop/kit';
import type { Platform } from '@orlop/oci';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { readNamedText } from '../read-whole.ts';
import { openStore, type RegistryOptions, type StoreOptions, withRegistryClient } from './cache-options.ts';
import { readArchitecture } from './read-architecture.ts';

/** Options that say which images a description means; the same for `build` and `lock`. */
export interface BuildInputOptions extends StoreOptions, RegistryOptions {
  readonly arch?: string;
  readonly pull?: boolean;
  readonly set: readonly string[];
  readonly substitute: readonly string[];
  readonly substitutions: readonly string[];
  readonly pkg: readonly string[];
}

/** A description and the way to its images. */
export interface BuildInputs {
  readonly architecture: Architecture;
  readonly platform: Platform;
  /** As the functions of `kit` that read descriptions take it. */
  readonly description: {
    readonly locations: readonly string[];
    readonly sources: HostSources;
    readonly set: ReadonlyMap<string, string>;
    readonly onWarning: (problem: Parameters<typeof formatProblem>[0]) => void;
  };
  /** Gives `work` a resolver, which can ask registries as long as that runs. */
  withResolver<T>(work: (resolver: ImageResolver) => Promise<T>, lock?: Lock): Promise<T>;
}

export async function openBuildInputs(
  files: readonly string[],
  {
    context,
    options,
    progress,
  }: { context: CommandContext; options: BuildInputOptions; progress: ReportProgress },
): Promise<BuildInputs> {
  const kit = await import('@orlop/kit');
  const { pullImage } = await import('@orlop/oci');
  if (files.length === 0) throw invalid('no image description is given', 'name a YAML file, a URL, or -');
  const { signal, cwd, paths, logger } = context;
  const architecture = readArchitecture(options.arch);
  const platform = { os: 'linux', architecture };
  const store = await openStore(context, options);
  const components = new kit.Components({
    store,
    platform,
    folders: pkgFolders(options.pkg, cwd),
    stateFolder: paths.debian,
    progress,
    signal,
  });
  const sources = new kit.HostSources({
    cwd,
    home: context.env['HOME'],
    stdin: context.stdin as AsyncIterable<Uint8Array>,
    componentReference: (folder) => components.reference(folder),
    signal,
  });
  return {
    architecture,
    platform,
    description: {
      locations: files,
      sources,
      set: variables(options.set),
      onWarning: (problem) => logger.warn(formatProblem(problem)),
    },
    async withResolver(work, lock) {
      const rules = await substitutions(options, { context, kit });
      return withRegistryClient(context, options, (client) =>
        work(
          new kit.ImageResolver({
            store,
            platform,
            pull: options.pull === undefined ? 'missing' : options.pull ? 'always' : 'never',
            rules,
            component: (repository, tag) => components.image(repository, tag),
            pullImage: (reference) =>
              pullImage({ store, client, reference, platforms: [platform], progress, signal }),
            ...(lock === undefined ? {} : { lock }),
            signal,
          }),
        ),
      );
    },
  };
}

async function substitutions(
  options: BuildInputOptions,
  { context, kit }: { context: CommandContext; kit: typeof import('@orlop/kit') },
): Promise<readonly Substitution[]> {
  const rules = options.substitute.map(kit.parseSubstitution);
  const ambient = context.env['ORLOP_SUBSTITUTIONS']?.split(delimiter).filter((file) => file !== '') ?? [];
  for (const file of [...options.substitutions, ...ambient]) {
    const text = await readNamedText(resolve(context.cwd, file)).catch((cause) => {
      throw cliError('build.unreadable', `cannot read ${file}`, { cause });
    });
    rules.push(...kit.readSubstitutions(text, file));
  }
  return rules;
}

function variables(assignments: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const text of assignments) {
    const at = text.indexOf('=');
    if (at <= 0) throw invalid(`--set takes the form NAME=value, got "${text}"`);
    values.set(text.slice(0, at), text.slice(at + 1));
  }
  return values;
}

/** Given folders, or that of the checkout which this program is run from. */
function pkgFolders(given: readonly string[], cwd: string): readonly string[] {
  const missing = given.find((folder) => !existsSync(resolve(cwd, folder)));
  if (missing !== undefined) {
    throw invalid(`there is no folder ${missing}`, '--pkg takes a folder of folders that have a build.yml');
  }
  if (given.length > 0) return given.map((folder) => resolve(cwd, folder));
  const program = process.argv[1] ?? '.';
  const own = join(dirname(existsSync(program) ? realpathSync(program) : program), '..', 'pkg');
  return existsSync(own) ? [resolve(own)] : [];
}

export function invalid(message: string, hint?: string): OrlopError {
  return cliError('build.invalid-option', message, hint === undefined ? {} : { hint });
}
