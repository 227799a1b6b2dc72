import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { debianError } from '../errors.ts';
import { runTool } from '../tool.ts';

export interface GitTreeOptions {
  /** @default 'HEAD' */
  readonly commit?: string | undefined;
  /** Marks the hash as that of changed content even if nothing has changed. @default false */
  readonly forceDirty?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Hex digits of the content that follow `-dirty-`. */
const DIRTY_DIGITS = 7;

/**
 * The id that git gives a folder's tree, as LinuxKit's packages have it for their hash. What differs from HEAD adds
 * `-dirty-` and the beginning of a hash of what is there; another commit cannot be dirty.
 *
 * @throws OrlopError `debian.not-in-git`
 */
export async function gitTreeHash(folder: string, options: GitTreeOptions = {}): Promise<string> {
  const { commit = 'HEAD', forceDirty = false, signal } = options;
  const git = (...words: string[]) => runTool('git', ['-C', folder, ...words], { signal });
  const top = await git('rev-parse', '--show-prefix');
  const prefix = top.stdout.trim();
  const object = await git('rev-parse', '--verify', '--quiet', `${commit}:${prefix}`);
  if (top.status !== 0 || object.status !== 0)
    throw debianError(
      'debian.not-in-git',
      top.status === 0
        ? `git has no tree of ${folder} in the commit "${commit}"`
        : `${folder} is in no work tree of git: ${top.stderr.trim().split('\n')[0]}`,
      { hint: 'commit it, or name the hash by --hash' },
    );
  const tree = object.stdout.trim();
  const changed =
    commit === 'HEAD' &&
    ((await git('diff', '--no-ext-diff', '--quiet', commit, '--', '.')).status !== 0 ||
      (await git('ls-files', '--exclude-standard', '--others', '--', '.')).stdout !== '');
  if (!changed && !forceDirty) return tree;
  return `${tree}-dirty-${(await contentHash(folder, signal)).slice(0, DIRTY_DIGITS)}`;
}

/** Of the bytes of all files that git has or would take, in its order. */
async function contentHash(folder: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for (const words of [[], ['--exclude-standard', '--others']]) {
    const { stdout } = await runTool('git', ['-C', folder, 'ls-files', '-z', ...words], { signal });
    for (const name of stdout.split('\0')) {
      const path = join(folder, name);
      const stat = name === '' ? undefined : await lstat(path).catch(() => undefined);
      if (stat?.isFile() !== true) continue;
      for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
    }
  }
  return hash.digest('hex');
}
