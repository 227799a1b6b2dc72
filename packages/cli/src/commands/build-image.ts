import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { formatProblem, OrlopError } from '@orlop/core';
import type { BuildReport, InitrdCompression, OutputFormat, Substitution } from '@orlop/kit';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../progress.ts';
import { openStore, type RegistryOptions, type StoreOptions, withRegistryClient } from './cache-options.ts';

export interface ImageBuildOptions extends StoreOptions, RegistryOptions {
  readonly listFormats?: boolean;
  readonly name?: string;
  readonly dir?: string;
  readonly o?: string;
  readonly format: readonly string[];
  readonly arch?: string;
  readonly pull?: boolean;
  readonly size: string;
  readonly decompressKernel?: boolean;
  readonly inputTar?: string;
  readonly sbom: boolean;
  readonly sbomOutput: string;
  readonly cyclonedx?: string;
  readonly sbomCurrentTime?: boolean;
  readonly set: readonly string[];
  readonly substitute: readonly string[];
  readonly substitutions: readonly string[];
  readonly pkg: readonly string[];
  readonly initrdCompression?: InitrdCompression;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

interface Invocation {
  readonly context: CommandContext;
  readonly options: ImageBuildOptions;
  /** @default as `orlop build` speaks */
  readonly voice?: BuildVoice;
}

/** How a build says what it does. */
export interface BuildVoice {
  /** `Extract init[0]` or `Copy init[0]`, and the image's reference. */
  step(what: string, reference: string): void;
  /** The whole is done. */
  done(report: BuildReport): void;
}

/** LinuxKit's name for what comes from standard input. */
const STDIN_NAME = 'moby';

const ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ['amd64', 'amd64'],
  ['x86_64', 'amd64'],
  ['x64', 'amd64'],
  ['arm64', 'arm64'],
  ['aarch64', 'arm64'],
  ['riscv64', 'riscv64'],
]);

export async function runBuild(
  files: readonly string[],
  { context, options, voice = ownVoice(context, options) }: Invocation,
): Promise<void> {
  const kit = await import('@orlop/kit');
  const { pullImage } = await import('@orlop/oci');
  if (options.listFormats) {
    for (const { name, outputs, summary } of kit.outputFormats) {
      context.stdout.write(`${name.padEnd(18)} ${outputs('NAME').join(' ')}\n${' '.repeat(19)}${summary}\n`);
    }
    return;
  }
  if (files.length === 0) throw invalid('no image description is given', 'name a YAML file, a URL, or -');
  const { signal, stdout, cwd, paths, logger } = context;
  const progress = options.quiet ? () => {} : context.progress;
  const architecture = architectureOf(options.arch);
  const platform = { os: 'linux', architecture };
  const formats = selectFormats(options, kit.findFormat);
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
  const common = {
    locations: files,
    sources,
    set: variables(options.set),
    onWarning: (problem: Parameters<typeof formatProblem>[0]) => logger.warn(formatProblem(problem)),
  };
  if (options.dryRun) {
    stdout.write(kit.printYaml((await kit.loadDescription(common)).plain));
    return;
  }
  const name = options.name ?? nameOf(files);
  const folder = resolve(cwd, options.dir ?? '.');
  const outputs = new kit.OutputSet(folder, { mark: String(process.pid), signal });
  const toStdout = options.o === '-';
  const sink =
    options.o === undefined
      ? undefined
      : toStdout
        ? kit.streamSink(stdout, outputs)
        : kit.renamedSink(resolve(cwd, options.o), outputs);
  checkInputTar(options, { folder, name, formats, cwd });
  const rules = await substitutions(options, { context, kit });
  const report = await withRegistryClient(context, options, (client) => {
    const resolver = new kit.ImageResolver({
      store,
      platform,
      pull: options.pull === undefined ? 'missing' : options.pull ? 'always' : 'never',
      rules,
      component: (repository, tag) => components.image(repository, tag),
      pullImage: (reference) =>
        pullImage({ store, client, reference, platforms: [platform], progress, signal }),
      signal,
    });
    return kit.buildImage({
      ...common,
      resolver,
      formats,
      name,
      architecture,
      outputs,
      ...(sink === undefined ? {} : { sink }),
      ...(options.initrdCompression === undefined ? {} : { initrdCompression: options.initrdCompression }),
      sizeMiB: sizeMiB(options.size),
      decompressKernel: options.decompressKernel ?? false,
      ...(options.inputTar === undefined ? {} : { inputTar: resolve(cwd, options.inputTar) }),
      sbom: options.sbom ? options.sbomOutput : false,
      ...(options.cyclonedx === undefined ? {} : { cycloneDx: options.cyclonedx }),
      ...(options.sbomCurrentTime ? { sbomCreatedMs: Date.now() } : {}),
      signal,
      progress,
      nowMs: () => performance.now(),
      onStep: (what, reference) => voice.step(what, reference),
    });
  });
  voice.done(report);
}

function ownVoice({ stdout, stderr }: CommandContext, options: ImageBuildOptions): BuildVoice {
  return {
    step: (what, reference) => {
      if (!options.quiet && options.inputTar !== undefined) stderr.write(`${what}: ${reference}\n`);
    },
    done: (report) => {
      if (options.quiet && !options.json) return;
      const text = options.json ? `${JSON.stringify(report)}\n` : describeReport(report);
      (options.o === '-' ? stderr : stdout).write(text);
    },
  };
}

function selectFormats(
  options: ImageBuildOptions,
  find: (name: string) => OutputFormat,
): readonly OutputFormat[] {
  const byDefault = options.o === undefined ? ['kernel+initrd'] : ['tar'];
  const names = [...new Set(options.format.length === 0 ? byDefault : options.format)];
  const formats = names.map(find);
  if (options.o !== undefined) {
    const wrong = formats.find((format) => !format.singleFile);
    if (wrong !== undefined || formats.length > 1) {
      throw invalid(
        wrong === undefined
          ? '--o takes a single format'
          : `--o takes a format of one file, and ${wrong.name} has ${wrong.outputs('NAME').length}`,
        'choose the folder by --dir and the name by --name',
      );
    }
    if (options.name !== undefined || options.dir !== undefined) {
      throw invalid('--o goes with neither --name nor --dir');
    }
  }
  return formats;
}

function checkInputTar(
  options: ImageBuildOptions,
  place: { folder: string; name: string; formats: readonly OutputFormat[]; cwd: string },
): void {
  if (options.inputTar === undefined) return;
  if (options.pull === true) throw invalid('--input-tar goes not with --pull');
  const input = resolve(place.cwd, options.inputTar);
  const outputs =
    options.o === undefined
      ? place.formats.flatMap((format) => format.outputs(place.name)).map((file) => join(place.folder, file))
      : [resolve(place.cwd, options.o)];
  if (outputs.includes(input)) {
    throw invalid(
      `--input-tar and the output are the same file: ${input}`,
      'give the output another name by --name',
    );
  }
}

async function substitutions(
  options: ImageBuildOptions,
  { context, kit }: { context: CommandContext; kit: typeof import('@orlop/kit') },
): Promise<readonly Substitution[]> {
  const rules = options.substitute.map(kit.parseSubstitution);
  const ambient = context.env['ORLOP_SUBSTITUTIONS']?.split(delimiter).filter((file) => file !== '') ?? [];
  for (const file of [...options.substitutions, ...ambient]) {
    const text = await readFile(resolve(context.cwd, file), 'utf8').catch((cause) => {
      throw new OrlopError('build.unreadable', 'not-found', `cannot read ${file}`, { cause });
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
  if (given.length > 0) return given.map((folder) => resolve(cwd, folder));
  const program = process.argv[1] ?? '.';
  const own = join(dirname(existsSync(program) ? realpathSync(program) : program), '..', 'pkg');
  return existsSync(own) ? [resolve(own)] : [];
}

function nameOf(files: readonly string[]): string {
  const last = files.at(-1) ?? '-';
  if (last === '-') return STDIN_NAME;
  return basename(last.replace(/[?#].*$/, '')).replace(/\.[^.]*$/, '') || STDIN_NAME;
}

function architectureOf(text: string | undefined): string {
  const architecture = ARCHITECTURES.get(text ?? process.arch);
  if (architecture !== undefined) return architecture;
  throw invalid(`there is no architecture ${text ?? process.arch}`, 'one of amd64, arm64, riscv64');
}

/** LinuxKit's form: a number of MiB, or with the unit M or G. */
function sizeMiB(text: string): number {
  const match = /^([1-9][0-9]{0,8})([MmGg]?)(?:i?[Bb])?$/.exec(text);
  if (match === null) throw invalid(`"${text}" is no size`, 'give it as 2048M or 4G');
  return Number(match[1]) * (match[2]?.toUpperCase() === 'G' ? 1024 : 1);
}

function describeReport({ outputs, steps }: BuildReport): string {
  const width = Math.max(0, ...outputs.map(({ path }) => path.length));
  const lines = outputs.map(({ path, sizeBytes }) => `${path.padEnd(width)}  ${formatBytes(sizeBytes)}`);
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const total = steps.reduce((sum, step) => sum + step.ms, 0);
  const parts = steps.map((step) => `${step.name} ${seconds(step.ms)}`).join(', ');
  return `${lines.map((line) => `${line}\n`).join('')}built in ${seconds(total)} (${parts})\n`;
}

function invalid(message: string, hint?: string): OrlopError {
  return new OrlopError('build.invalid-option', 'invalid', message, hint === undefined ? {} : { hint });
}
