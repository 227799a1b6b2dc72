import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OrlopError, ReportProgress } from '@orlop/core';
import { debianError } from '../errors.ts';
import { withFileLock } from '../file-lock.ts';
import { runTool, type ToolResult } from '../tool.ts';
import { type ControlFields, parseControl } from './control.ts';
import type { DebianArchive } from './machine.ts';
import { formatSources } from './machine-sources.ts';
import { type DebianPackage, formatInstalled, parsePackage, parseUris } from './packages.ts';
import { formatAptConfiguration } from './settings.ts';

export interface WorkspaceOptions {
  /** Folder under which private states are kept. */
  readonly folder: string;
  readonly archive: DebianArchive;
  readonly suite: string;
  /** Areas of the archive beside `main`. @default none */
  readonly areas?: readonly string[] | undefined;
  readonly architecture: string;
  readonly progress: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

export interface SolveRequest {
  readonly packages: readonly string[];
  /** Packages that count as installed: neither they nor what only they need is chosen. */
  readonly without: readonly string[];
}

/**
 * A private apt for one suite and architecture: its own lists, status and configuration.
 *
 * Invariant: nothing outside `folder` is written, and nothing in it that another process uses is changed
 * without holding the lock.
 */
export class AptWorkspace {
  readonly #options: WorkspaceOptions;
  readonly #folder: string;

  private constructor(options: WorkspaceOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  /** Makes the private state if it is missing, and fetches the indexes if they are. */
  static async open(options: WorkspaceOptions): Promise<AptWorkspace> {
    const { archive, suite, architecture } = options;
    const components = ['main', ...(options.areas ?? [])];
    const sources = formatSources(
      archive.sourcesFor(suite).map((source) => ({ ...source, components })),
      archive.keyring,
    );
    const key = createHash('sha256').update(sources).digest('hex').slice(0, 12);
    const folder = join(options.folder, 'apt', `${suite}-${architecture}-${key}`);
    for (const name of ['lists/partial', 'cache/archives/partial', 'etc/preferences.d', 'etc/apt.conf.d']) {
      await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    }
    await writeWhole(join(folder, 'etc', 'orlop.sources'), sources);
    await writeWhole(join(folder, 'status'), '');
    await removeLeftovers(folder);
    const workspace = new AptWorkspace(options, folder);
    await workspace.update({ onlyIfMissing: true });
    return workspace;
  }

  /**
   * Fetches the signed indexes.
   *
   * @throws OrlopError `debian.no-room`, `debian.update-failed` with what apt said.
   */
  async update({ onlyIfMissing = false } = {}): Promise<void> {
    const { suite, architecture, signal, progress } = this.#options;
    await withFileLock(join(this.#folder, 'orlop.lock'), signal, async () => {
      const stamp = join(this.#folder, 'updated');
      if (onlyIfMissing && (await exists(stamp))) return;
      await requireRoom(this.#folder);
      const task = `fetch Debian's indexes (${suite}, ${architecture})`;
      progress({ task, done: 0, unit: 'items' });
      // Error-Mode any: an index that cannot be fetched is a failure, not a warning with the old one kept.
      const result = await this.#apt('apt-get', ['update', '-q', '-o', 'APT::Update::Error-Mode=any']);
      if (result.status !== 0) throw this.#updateFailed(result);
      await writeFile(stamp, '', { mode: 0o600 });
      const lists = (await readdir(join(this.#folder, 'lists'))).filter((name) => /Packages/.test(name));
      progress({ task, done: lists.length, unit: 'items', finished: true });
    });
  }

  /**
   * The packages, with all they depend on (recommendations left out), in the order of their names.
   *
   * @throws OrlopError `debian.unsolvable` with what apt said.
   */
  async solve(request: SolveRequest): Promise<readonly DebianPackage[]> {
    const { signal } = this.#options;
    return await withFileLock(join(this.#folder, 'orlop.lock'), signal, async () => {
      const status = join(this.#folder, `status-${randomUUID()}`);
      try {
        const installed = request.without.length === 0 ? [] : await this.#show(request.without);
        const missing = request.without.filter(
          (name) => !installed.some((one) => one.get('Package') === name),
        );
        if (missing.length > 0) {
          throw debianError('debian.unsolvable', `no package ${missing.join(', ')} to leave out exists`);
        }
        await writeFile(status, installed.map(formatInstalled).join(''), { mode: 0o600 });
        const result = await this.#apt(
          'apt-get',
          ['install', '--print-uris', '-qq', '-y', '--no-remove', '--', ...request.packages],
          status,
        );
        const chosen = parseUris(result.stdout);
        if (result.status !== 0 || chosen.length === 0) {
          throw debianError(
            'debian.unsolvable',
            `apt finds no way to install ${request.packages.join(' ')}: ${aptSaid(result)}`,
          );
        }
        return await this.#describe(chosen);
      } finally {
        await rm(status, { force: true });
      }
    });
  }

  /**
   * Packages by their names, without what they depend on.
   *
   * @throws OrlopError `debian.unsolvable` with what apt said.
   */
  async find(names: readonly string[]): Promise<readonly DebianPackage[]> {
    const { signal } = this.#options;
    return await withFileLock(join(this.#folder, 'orlop.lock'), signal, async () =>
      (await this.#show(names)).flatMap((fields) => parsePackage(fields) ?? []),
    );
  }

  /** Fetches packages into `into`; `onFraction` says how much of it is done, from 0 to 1. */
  async download(
    packages: readonly DebianPackage[],
    into: string,
    onFraction: (fraction: number) => void,
  ): Promise<void> {
    const wanted = packages.map((entry) => `${entry.name}=${entry.version}`);
    const result = await this.#apt(
      'apt-get',
      ['download', '-q', '-o', 'APT::Status-Fd=1', '--', ...wanted],
      undefined,
      {
        cwd: into,
        onLine: (line) => {
          const percent = /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1];
          if (percent !== undefined) onFraction(Math.min(1, Number(percent) / 100));
        },
      },
    );
    if (result.status !== 0) {
      throw debianError('debian.download-failed', `packages cannot be fetched: ${aptSaid(result)}`, {
        hint: 'the archive may have newer ones: try again with --refresh',
      });
    }
  }

  async #describe(
    chosen: readonly { readonly name: string; readonly version: string }[],
  ): Promise<readonly DebianPackage[]> {
    const shown = await this.#show(chosen.map(({ name, version }) => `${name}=${version}`));
    const found = new Map<string, DebianPackage>();
    for (const fields of shown) {
      const entry = parsePackage(fields);
      if (entry !== undefined) found.set(`${entry.name}=${entry.version}`, entry);
    }
    return chosen
      .map(({ name, version }) => {
        const entry = found.get(`${name}=${version}`);
        if (entry !== undefined) return entry;
        throw debianError('debian.unsolvable', `apt's index says nothing about ${name} ${version}`);
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #show(names: readonly string[]): Promise<readonly ControlFields[]> {
    const result = await this.#apt('apt-cache', ['show', '--no-all-versions', '-q', '--', ...names]);
    if (result.status !== 0) {
      throw debianError(
        'debian.unsolvable',
        `apt does not know all of ${names.join(' ')}: ${aptSaid(result)}`,
      );
    }
    return parseControl(result.stdout);
  }

  #updateFailed(result: ToolResult): OrlopError {
    const stale = staleIndexes(result.stderr);
    if (stale.length === 0) {
      return debianError('debian.update-failed', `Debian's indexes cannot be fetched: ${aptSaid(result)}`, {
        hint: "check the network, the machine's apt sources (or ORLOP_DEBIAN_MIRROR), and its proxy settings",
      });
    }
    const { suite, architecture } = this.#options;
    return debianError(
      'debian.mirror-inconsistent',
      `the Debian mirror contradicts itself on ${suite} for ${architecture}: of what its signed Release lists, ${stale.join('; ')}`,
      {
        hint: "the mirror is being updated, or stays so, and apt alone fails alike: try again later, name another by ORLOP_DEBIAN_MIRROR, or, where only updates are concerned, take the release's packages without them by ORLOP_DEBIAN_UPDATES=no",
      },
    );
  }

  async #apt(
    command: 'apt-get' | 'apt-cache',
    args: readonly string[],
    status = join(this.#folder, 'status'),
    options: { cwd?: string; onLine?: (line: string) => void } = {},
  ): Promise<ToolResult> {
    const { archive, architecture, signal } = this.#options;
    const configuration = join(this.#folder, `apt-${randomUUID()}.conf`);
    const settings = { folder: this.#folder, architecture, status, acquire: archive.acquire };
    await writeFile(configuration, formatAptConfiguration(settings), { mode: 0o600 });
    try {
      return await runTool(command, args, { ...options, signal, env: { APT_CONFIG: configuration } });
    } finally {
      await rm(configuration, { force: true });
    }
  }
}

/** What trixie's indexes of one architecture take with those of its updates, 57 MB in November 2026, and some. */
const INDEX_ROOM_BYTES = 80e6;

/** On a full disk apt's methods wait for ever (seen of apt 2.6), so it is not started there. */
async function requireRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= INDEX_ROOM_BYTES) return;
  const [freeMB, neededMB] = [bavail * bsize, INDEX_ROOM_BYTES].map((bytes) => Math.floor(bytes / 1e6));
  throw debianError(
    'debian.no-room',
    `${folder} has ${freeMB} MB free, and Debian's indexes need ${neededMB} MB`,
    {
      hint: 'make room there, or set ORLOP_HOME to a folder on another file system',
    },
  );
}

/** Writes a file that another process may be reading. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}

/** No call of apt lasts as long, so what is older was left by a process that was killed. */
const LEFTOVER_AGE_MS = 24 * 3600 * 1000;

/** Removes the files of single calls that nobody removed. */
async function removeLeftovers(folder: string): Promise<void> {
  const { mtimeMs: nowMs } = await stat(join(folder, 'status')); // just written
  for (const name of await readdir(folder)) {
    if (!/^(apt|status)-[0-9a-f-]{36}/.test(name)) continue;
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found !== undefined && found.mtimeMs < nowMs - LEFTOVER_AGE_MS)
      await rm(join(folder, name), { force: true });
  }
}

/** Indexes that the mirror has otherwise than its Release says, in apt's words for it (apt-pkg/acquire-item.cc). */
function staleIndexes(stderr: string): readonly string[] {
  const failed =
    /^E: Failed to fetch \S+:\S*?\/dists\/(\S+)\s+(File has unexpected size|Hash Sum mismatch)(?: \((\d+) != (\d+)\))?/gm;
  return [...stderr.matchAll(failed)].map(([, index, , has, wanted]) =>
    has === undefined ? `${index} has another checksum` : `${index} has ${has} bytes in place of ${wanted}`,
  );
}

/** apt's own words: errors first; the story of unmet dependencies stands in its standard output. */
function aptSaid(result: ToolResult): string {
  const lines = `${result.stderr}\n${result.stdout}`
    .split('\n')
    .filter((line) => /^(E:|W:)/.test(line) || /Depends:|Conflicts:|not installable/.test(line))
    .map((line) => line.replace(/^E: /, '').trim());
  return lines.length > 0 ? lines.slice(0, 8).join('; ') : `status ${result.status}`;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
