import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GuestMachine } from './guest-machine.ts';

const run = promisify(execFile);

const checkout = resolve(fileURLToPath(import.meta.url), '../../..');
/** Brings the bundles up to date first. */
const launcher = join(checkout, 'orlop');
/** What the launcher starts: used from then on, so that one test sees one program. */
const program = join(checkout, 'dist', 'orlop.mjs');

/** Downloads of a fresh machine included. */
const buildTimeoutMs = 600_000;

/** Images, and machines that stand apart from the user's own; the store of components is the user's. */
export class Workshop {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Workshop> {
    await run(launcher, ['version'], { timeout: buildTimeoutMs });
    return new Workshop(await mkdtemp(join(tmpdir(), 'orlop-product-')));
  }

  /** Brings the named components of pkg/ up to date; those that are cost nothing. */
  async buildComponents(names: readonly string[]): Promise<void> {
    await this.orlop(['pkg', 'build', ...names.map((name) => join(checkout, 'pkg', name))]);
  }

  /** Makes a component of its own out of a `build.yml`, and of files of the checkout that lie beside it. */
  async buildOwnComponent(name: string, definition: string, files: readonly string[] = []): Promise<void> {
    const folder = join(this.folder, name);
    await mkdir(folder);
    for (const file of files) await copyFile(join(checkout, file), join(folder, basename(file)));
    await writeFile(join(folder, 'build.yml'), definition);
    await this.orlop(['pkg', 'build', folder]);
  }

  /** @returns what `orlop run` takes */
  async buildImage(name: string, yaml: string): Promise<string> {
    const file = join(this.folder, `${name}.yml`);
    await writeFile(file, yaml);
    return this.buildFiles(name, [file]);
  }

  /** As {@link buildImage}, from files and with options as `orlop build` takes them. */
  async buildFiles(name: string, words: readonly string[]): Promise<string> {
    await this.orlop([
      'build',
      '--quiet',
      '--no-sbom',
      '--no-pull',
      '--dir',
      this.folder,
      '--name',
      name,
      ...words,
    ]);
    return join(this.folder, name);
  }

  /** @returns standard output */
  async orlop(words: readonly string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [program, ...words], {
      cwd: checkout,
      timeout: buildTimeoutMs,
      maxBuffer: 64 << 20,
    });
    return stdout;
  }

  /** As {@link orlop}, beside the machines that this workshop has booted. */
  async orlopHere(words: readonly string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [program, ...words], {
      env: this.#machineEnvironment(),
      timeout: 60_000,
    });
    return stdout;
  }

  /** Starts a machine under emulation; its console is the command's standard output. */
  boot(
    image: string,
    options: {
      readonly publish?: readonly string[];
      readonly arch?: string;
      readonly network?: string;
      /** @default that of the image */
      readonly name?: string;
      /** What the machine is plugged into, as `--networking` takes it. @default 'user', or {@link network} */
      readonly networking?: string;
      /** The words before the command, e.g. those that enter a namespace. */
      readonly within?: readonly string[];
      /** Further words of `orlop run`. */
      readonly flags?: readonly string[];
    } = {},
  ): GuestMachine {
    const name = options.name ?? image.slice(image.lastIndexOf('/') + 1);
    const publish = (options.publish ?? []).flatMap((port) => ['--publish', port]);
    const words = [
      'run',
      'qemu',
      '--name',
      name,
      '--accel',
      'tcg',
      ...(options.network === undefined
        ? ['--networking', options.networking ?? 'user']
        : ['--network', options.network]),
      ...publish,
      ...(options.arch === undefined ? [] : ['--arch', options.arch]),
      ...(options.flags ?? []),
      image,
    ];
    const [command, ...before] = [...(options.within ?? []), process.execPath] as const;
    const child = spawn(command ?? process.execPath, [...before, program, ...words], {
      env: this.#machineEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return new GuestMachine(child, async () => {
      await run(process.execPath, [program, 'stop', name], {
        env: this.#machineEnvironment(),
        timeout: 120_000,
      });
    });
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #machineEnvironment(): NodeJS.ProcessEnv {
    const store =
      process.env['ORLOP_CACHE'] ?? join(process.env['ORLOP_HOME'] ?? join(homedir(), '.orlop'), 'cache');
    return { ...process.env, ORLOP_HOME: join(this.folder, 'home'), ORLOP_CACHE: store };
  }
}
