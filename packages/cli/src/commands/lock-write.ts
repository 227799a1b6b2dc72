import { resolve } from 'node:path';
import {
  bootComponentsOf,
  findFormat,
  type Lock,
  lockImages,
  mergeLocks,
  outputFormats,
  printLock,
} from '@orlop/kit';
import type { CommandContext } from '../context.ts';
import { writeOutput } from '../write-output.ts';
import { openBuildInputs } from './build-inputs.ts';
import type { LockOptions } from './lock.ts';
import { lockFileOf } from './lock-files.ts';

/** Finds the images for every architecture that is asked for, and writes the lock whole or not at all. */
export async function writeLock(
  files: readonly string[],
  { context, options }: { context: CommandContext; options: LockOptions },
): Promise<void> {
  const { stdout, cwd, progress, signal } = context;
  const file = lockFileOf(files, options.lockFile);
  const named = (options.format ?? []).flatMap((list) => list.split(',')).map(findFormat);
  // A Raspberry Pi's firmware comes from an area of Debian's archive that not everybody wants: it has to be named.
  const formats = [
    ...named,
    ...(options.bootLoaders ? outputFormats.filter(({ name }) => name !== 'rpi3') : []),
  ];
  let lock: Lock = new Map();
  const { arch: architectures, ...rest } = options;
  for (const arch of architectures.length === 0 ? [undefined] : architectures) {
    const inputs = await openBuildInputs(files, {
      context,
      options: { ...rest, ...(arch === undefined ? {} : { arch }) },
      progress,
    });
    const { platform, description } = inputs;
    const components = bootComponentsOf(formats, platform.architecture);
    const found = await inputs.withResolver((resolver) =>
      lockImages({ ...description, resolver, platform, components }),
    );
    lock = mergeLocks(lock, found);
  }
  if (file === '-' && !options.json) {
    stdout.write(printLock(lock));
    return;
  }
  if (file !== '-') await writeOutput(resolve(cwd, file), [printLock(lock)], { signal });
  const rows = [...lock].flatMap(([reference, { platforms }]) =>
    [...platforms].map(([platform, digest]) => ({ reference, platform, digest })),
  );
  stdout.write(
    options.json ? `${JSON.stringify({ file, images: rows })}\n` : `${file}: ${lock.size} images\n`,
  );
}
