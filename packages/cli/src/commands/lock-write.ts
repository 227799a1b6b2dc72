import { rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Lock, lockImages, mergeLocks, printLock } from '@orlop/kit';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { openBuildInputs } from './build-inputs.ts';
import type { LockOptions } from './lock.ts';
import { lockFileOf } from './lock-files.ts';

/** Those that formats with a boot loader or a root on a disk take from `pkg/`. */
const BOOT_COMPONENTS = ['boot-bios', 'boot-efi', 'boot-initrd'] as const;

/** Finds the images for every architecture that is asked for, and writes the lock whole or not at all. */
export async function writeLock(
  files: readonly string[],
  { context, options }: { context: CommandContext; options: LockOptions },
): Promise<void> {
  const { stdout, cwd, progress } = context;
  const file = lockFileOf(files, options.lockFile);
  let lock: Lock = new Map();
  const { arch: architectures, ...rest } = options;
  for (const arch of architectures.length === 0 ? [undefined] : architectures) {
    const inputs = await openBuildInputs(files, {
      context,
      options: { ...rest, ...(arch === undefined ? {} : { arch }) },
      progress,
    });
    const { platform, description } = inputs;
    const components = options.bootLoaders ? BOOT_COMPONENTS : [];
    const found = await inputs.withResolver((resolver) =>
      lockImages({ ...description, resolver, platform, components }),
    );
    lock = mergeLocks(lock, found);
  }
  await replace(resolve(cwd, file), printLock(lock));
  const rows = [...lock].flatMap(([reference, { platforms }]) =>
    [...platforms].map(([platform, digest]) => ({ reference, platform, digest })),
  );
  stdout.write(
    options.json ? `${JSON.stringify({ file, images: rows })}\n` : `${file}: ${lock.size} images\n`,
  );
}

async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.part`;
  try {
    await writeFile(draft, text, { flag: 'wx' });
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw cliError('lock.cannot-write', `cannot write ${path}`, { cause });
  }
}
