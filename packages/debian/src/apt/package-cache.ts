import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ReportProgress } from '@orlop/core';
import { debianError } from '../errors.ts';
import { makeWorkFolder } from '../work-folder.ts';
import { type DebianPackage, packageFileName } from './packages.ts';
import type { AptWorkspace } from './workspace.ts';

/** Fetches at once: enough to hide a mirror's latency, few enough to be polite to it. */
const PARALLEL_DOWNLOADS = 4;

export interface FetchOptions {
  readonly workspace: AptWorkspace;
  readonly progress: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Downloaded packages by the SHA-256 that the signed index gave them, shared by all suites and architectures.
 *
 * Invariant: a file under its final name is whole and has that digest; it got there by a rename.
 */
export class PackageCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, 'packages');
  }

  /** Where a package is, once fetched. */
  path(entry: DebianPackage): string {
    return join(this.#folder, `${entry.sha256}.deb`);
  }

  /**
   * Fetches those of the packages that are not there yet, several at a time.
   *
   * @throws OrlopError `debian.download-failed`, or `debian.package-corrupt` when one is not what the index says.
   */
  async fetch(packages: readonly DebianPackage[], options: FetchOptions): Promise<void> {
    const missing: DebianPackage[] = [];
    for (const entry of packages) if (!(await this.#has(entry))) missing.push(entry);
    if (missing.length === 0) return;
    const { progress, workspace } = options;
    const batches = splitEvenly(missing, PARALLEL_DOWNLOADS);
    const total = sumBytes(missing);
    const doneBytes = batches.map(() => 0);
    const task = `download ${missing.length} Debian package${missing.length === 1 ? '' : 's'}`;
    const report = (finished: boolean) =>
      progress({ task, done: doneBytes.reduce((a, b) => a + b, 0), total, unit: 'bytes', finished });
    report(false);
    const incoming = await makeWorkFolder(this.#folder, 'incoming');
    try {
      const outcomes = await Promise.allSettled(
        batches.map(async (batch, index) => {
          const folder = join(incoming, String(index));
          await mkdir(folder, { mode: 0o700 });
          await workspace.download(batch, folder, (fraction) => {
            doneBytes[index] = Math.round(fraction * sumBytes(batch));
            report(false);
          });
          for (const entry of batch) await this.#accept(entry, join(folder, packageFileName(entry)));
          doneBytes[index] = sumBytes(batch);
        }),
      );
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
    report(true);
  }

  async #has(entry: DebianPackage): Promise<boolean> {
    const size = await stat(this.path(entry)).then(
      (found) => found.size,
      () => -1,
    );
    return size === entry.sizeBytes;
  }

  async #accept(entry: DebianPackage, path: string): Promise<void> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    const digest = hash.digest('hex');
    if (digest !== entry.sha256) {
      throw debianError(
        'debian.package-corrupt',
        `${entry.name} ${entry.version} has SHA-256 ${digest}, but the signed index says ${entry.sha256}`,
      );
    }
    await rename(path, this.path(entry));
  }
}

/** Parts of about the same number of bytes, none empty: the largest first, each to the part that is smallest yet. */
function splitEvenly(packages: readonly DebianPackage[], parts: number): readonly DebianPackage[][] {
  const batches: DebianPackage[][] = Array.from({ length: Math.min(parts, packages.length) }, () => []);
  for (const entry of [...packages].sort((a, b) => b.sizeBytes - a.sizeBytes)) {
    const smallest = batches.reduce((a, b) => (sumBytes(b) < sumBytes(a) ? b : a));
    smallest.push(entry);
  }
  return batches;
}

function sumBytes(packages: readonly DebianPackage[]): number {
  return packages.reduce((total, entry) => total + entry.sizeBytes, 0);
}
