import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { freePort } from '../harness/free-port.ts';

export const run = promisify(execFile);
export const checkout = resolve(fileURLToPath(import.meta.url), '../../..');
export const program = join(checkout, 'dist', 'orlop.mjs');

export const hasQemu = process.arch !== 'x64' || existsSync('/usr/bin/qemu-system-x86_64');

export { freePort };

/**
 * One engine for many cases: a home of its own with the user's store of components, so that nothing is built twice, and
 * Debian's unmodified client, fetched by Orlop.
 */
export class EngineUnderTest {
  home = '';
  env: NodeJS.ProcessEnv = {};

  /** Makes the home. @param settings what is set before the first start, besides the machine's measure */
  async prepare(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    await run(join(checkout, 'orlop'), ['version'], { timeout: 600_000 });
    this.home = await mkdtemp(join(tmpdir(), 'orlop-engine-'));
    const own = resolve(process.env['ORLOP_HOME'] ?? join(homedir(), '.orlop'));
    await this.#shareWithOthers(own);
    this.env = {
      ...process.env,
      PATH: `${this.home}/bin:${process.env['PATH'] ?? ''}`,
      ORLOP_HOME: this.home,
      ORLOP_CACHE: process.env['ORLOP_CACHE'] ?? join(own, 'cache'),
      DOCKER_CONFIG: join(this.home, 'docker'),
      DOCKER_HOST: `unix://${this.home}/engine/default/docker.sock`,
    };
    const all = { accelerator: 'tcg', cpus: '1', memory: '1GiB', ...settings };
    for (const [name, value] of Object.entries(all)) {
      await this.orlop('config', 'set', '--global', name, value);
    }
    await this.orlop('client', 'install');
  }

  /**
   * What costs minutes and is the same for every home is had once, by whichever comes first: Debian's packages and their
   * lists, the machine's image (its folder's name says of what), and the client and registry as the host runs them.
   */
  async #shareWithOthers(own: string): Promise<void> {
    await mkdir(join(this.home, 'engine'), { mode: 0o700 });
    const places = { debian: 'debian', 'tests/images': 'engine/.images', 'tests/tools': 'tools' };
    for (const [shared, place] of Object.entries(places)) {
      await mkdir(join(own, shared), { recursive: true, mode: 0o700 });
      await symlink(join(own, shared), join(this.home, place));
    }
  }

  /** Gives images to the home's own registry, under the names that `docker run` has for them. */
  async useRegistry(...images: readonly string[]): Promise<void> {
    await this.orlop('registry', 'up');
    await this.orlop('registry', 'push', ...images);
    await this.orlop('registry', 'push', '--arch', 'arm64', 'busybox=manybox');
  }

  /** Builds components, by their folders in the checkout, and loads them as `orlop/NAME`. */
  async load(...folders: readonly string[]): Promise<void> {
    for (const folder of folders) {
      const name = basename(folder);
      const archive = join(this.home, `${name}.tar`);
      await this.orlop('pkg', 'build', join(checkout, folder));
      await this.orlop('cache', 'export', '--format', 'docker', '--outfile', archive, `orlop/${name}`);
      await this.docker('load', '-i', archive);
      await rm(archive);
    }
  }

  async stop(): Promise<void> {
    if (this.home === '') return;
    await this.orlop('down', '--all').catch(() => '');
    await this.orlop('registry', 'down').catch(() => '');
    await rm(this.home, { recursive: true, force: true });
  }

  readonly orlop = async (...words: readonly string[]): Promise<string> => {
    const options = { env: this.env, timeout: 900_000, maxBuffer: 64 << 20 };
    return (await run(process.execPath, [program, ...words], options)).stdout;
  };

  /** What the Docker client says on its standard output. */
  readonly docker = async (...words: readonly string[]): Promise<string> =>
    (await run('docker', words, { env: this.env, timeout: 300_000, maxBuffer: 64 << 20 })).stdout;

  /** The Docker client with its streams at hand. */
  spawn(...words: readonly string[]): ChildProcessWithoutNullStreams {
    return spawn('docker', words, { env: this.env, stdio: 'pipe' });
  }

  /** With standard input; the Docker client closes its side when it ends. */
  readonly pipe = async (words: readonly string[], input: Uint8Array): Promise<Buffer> => {
    const child = this.spawn(...words);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.resume();
    child.stdin.end(input);
    expect(await endOf(child)).toBe(0);
    return Buffer.concat(chunks);
  };

  // biome-ignore lint/suspicious/noExplicitAny: what the program prints is judged by the cases
  readonly status = async (): Promise<any> => JSON.parse(await this.orlop('status', '--json'))[0];

  async daemonPid(): Promise<number> {
    return JSON.parse(await readFile(join(this.home, 'daemon', 'identity.json'), 'utf8')).pid;
  }

  /** Ends a program of the docker service, as root of the machine would. */
  async killInMachine(name: string): Promise<void> {
    await this.orlop('ssh', 'default', '--', `kill -9 $(pidof ${name})`);
  }

  /** Resolves when dockerd answers (again). */
  async untilAnswers(): Promise<void> {
    const version = () => this.docker('version', '-f', '{{.Server.Version}}').catch(() => '');
    await expect.poll(version, { timeout: 180_000 }).not.toBe('');
  }
}

/** Also of one that has ended already. */
export function endOf(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((settled) => child.once('close', settled));
}

/** What a stream has said so far. */
export function collect(stream: NodeJS.ReadableStream): { readonly text: string } {
  const heard = { text: '' };
  stream.on('data', (chunk: Buffer) => {
    heard.text += chunk.toString();
  });
  return heard;
}

export const fetchText = async (url: string) =>
  (await fetch(url, { headers: { connection: 'close' } })).text();

/** The same, or nothing while nobody answers. */
export const tryFetch = (url: string) => fetchText(url).catch(() => '');

/** A shell's words for a web server with one page. */
export const page = (text: string, address = '80') =>
  `mkdir -p /w; echo ${text} >/w/index.html; exec httpd -f -p ${address} -h /w`;
