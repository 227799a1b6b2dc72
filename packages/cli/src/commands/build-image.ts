import { basename, dirname, join, resolve } from 'node:path';
import type {
  BuildOptions,
  BuildReport,
  InitrdCompression,
  OutputFormat,
  OutputSet,
  OutputSink,
} from '@orlop/kit';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../progress.ts';
import { outOfRoom } from '../system-error.ts';
import { type BuildInputOptions, invalid, openBuildInputs } from './build-inputs.ts';
import { readLocks } from './lock-files.ts';

export interface ImageBuildOptions extends BuildInputOptions {
  readonly listFormats?: boolean;
  readonly name?: string;
  readonly dir?: string;
  readonly o?: string;
  readonly format: readonly string[];
  readonly size?: string;
  readonly decompressKernel?: boolean;
  readonly inputTar?: string;
  readonly sbom: boolean;
  readonly sbomOutput: string;
  readonly cyclonedx?: string;
  readonly spdx?: string;
  readonly sbomCurrentTime?: boolean;
  readonly initrdCompression?: InitrdCompression;
  readonly locked?: boolean;
  readonly lockFile?: string;
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

export async function runBuild(
  files: readonly string[],
  { context, options, voice = ownVoice(context, options) }: Invocation,
): Promise<void> {
  const kit = await import('@orlop/kit');
  if (options.listFormats) {
    for (const { name, outputs, summary } of kit.outputFormats) {
      context.stdout.write(`${name.padEnd(18)} ${outputs('NAME').join(' ')}\n${' '.repeat(19)}${summary}\n`);
    }
    return;
  }
  const { signal, stdout, cwd } = context;
  const progress = options.quiet ? () => {} : context.progress;
  const formats = selectFormats(options, kit.findFormat);
  const inputs = await openBuildInputs(files, { context, options, progress });
  const { architecture, description } = inputs;
  if (options.dryRun) {
    stdout.write(kit.printYaml((await kit.loadDescription(description)).plain));
    return;
  }
  const name = options.name ?? nameOf(files);
  if (basename(name) === '') throw invalid(`--name "${name}" names no file`);
  const folder = resolve(cwd, options.dir ?? '.');
  const outputs = new kit.OutputSet(folder, { signal });
  const sink = await singleSink(options.o, { outputs, context, kit });
  checkInputTar(options, { folder, name, formats, cwd });
  const lock = options.locked ? await readLocks(files, { context, lockFile: options.lockFile }) : undefined;
  const report = await inputs
    .withResolver(
      (resolver) =>
        kit.buildImage({
          ...description,
          ...{ resolver, formats, name, architecture, outputs, signal, progress },
          ...(sink === undefined ? {} : { sink }),
          ...imageOptions(options, cwd),
          nowMs: () => performance.now(),
          onStep: (what, reference) => voice.step(what, reference),
        }),
      lock,
    )
    .catch(async (error: unknown) => {
      const place = placeOf(options, { folder, cwd });
      throw (await outOfRoom(error, { place, home: context.paths.home })) ?? error;
    });
  voice.done(report);
}

/** What the options say of the image itself. */
function imageOptions(
  options: ImageBuildOptions,
  cwd: string,
): Pick<
  BuildOptions,
  | 'initrdCompression'
  | 'sizeMiB'
  | 'decompressKernel'
  | 'inputTar'
  | 'sbom'
  | 'spdx'
  | 'cycloneDx'
  | 'sbomCreatedMs'
> {
  const { initrdCompression, size, inputTar, spdx, cyclonedx } = options;
  return {
    ...(initrdCompression === undefined ? {} : { initrdCompression }),
    ...(size === undefined ? {} : { sizeMiB: sizeMiB(size) }),
    decompressKernel: options.decompressKernel ?? false,
    ...(inputTar === undefined ? {} : { inputTar: resolve(cwd, inputTar) }),
    sbom: options.sbom ? options.sbomOutput : false,
    ...(spdx === undefined ? {} : { spdx }),
    ...(cyclonedx === undefined ? {} : { cycloneDx: cyclonedx }),
    ...(options.sbomCurrentTime ? { sbomCreatedMs: Date.now() } : {}),
  };
}

/** Where the outputs go, as a person says it. */
function placeOf({ o }: ImageBuildOptions, { folder, cwd }: { folder: string; cwd: string }): string {
  if (o === undefined) return folder;
  return o === '-' ? 'standard output' : dirname(resolve(cwd, o));
}

async function singleSink(
  output: string | undefined,
  {
    outputs,
    context,
    kit,
  }: { outputs: OutputSet; context: CommandContext; kit: typeof import('@orlop/kit') },
): Promise<OutputSink | undefined> {
  if (output === undefined) return undefined;
  const { stdout, cwd, signal } = context;
  if (output === '-') return kit.streamSink(stdout, outputs);
  const { kind, path } = await kit.outputPlace(resolve(cwd, output));
  return kind === 'stream' ? kit.deviceSink(path, { outputs, signal }) : kit.renamedSink(path, outputs);
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

function nameOf(files: readonly string[]): string {
  const last = files.at(-1) ?? '-';
  if (last === '-') return STDIN_NAME;
  return basename(last.replace(/[?#].*$/, '')).replace(/\.[^.]*$/, '') || STDIN_NAME;
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
