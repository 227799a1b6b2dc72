import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Disk, type DiskFormat, findProgram, qemuImgProgram, runTool } from '@orlop/vm';
import type { CommandContext } from '../context.ts';
import { makeFolder } from '../make-home.ts';

/** In these qemu-img makes a disk of exactly the size that it is told, to the sector. */
const EXACT: ReadonlySet<DiskFormat> = new Set(['raw', 'qcow2', 'vmdk', 'vdi']);

/** Makes the folders of disks that will be made, and says of those that are there already if they are not as large as asked. */
export async function prepareDisks(
  disks: readonly Disk[],
  { stderr, env, signal }: CommandContext,
): Promise<void> {
  for (const { path, format, sizeBytes } of disks) {
    if (sizeBytes === undefined) continue;
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) makeFolder(dirname(path));
    if (found?.isFile() !== true || !EXACT.has(format)) continue;
    const bytes = format === 'raw' ? found.size : await virtualSize({ path, format }, { env, signal });
    if (bytes === undefined || bytes === sizeBytes) continue;
    stderr.write(
      `orlop: the disk ${path} is there already and keeps its ${inUnits(bytes)}; size=${inUnits(sizeBytes)} is for one that is made\n`,
    );
  }
}

/** @returns nothing where it cannot be told: whoever opens the disk next says why */
async function virtualSize(
  { path, format }: Pick<Disk, 'path' | 'format'>,
  { env, signal }: Pick<CommandContext, 'env' | 'signal'>,
): Promise<number | undefined> {
  const program = await findProgram(qemuImgProgram.name, env['PATH'] ?? '');
  if (program === undefined) return undefined;
  const words = ['info', '-U', '--output=json', '-f', format, '--', path];
  const { status, stdout } = await runTool(program, words, { signal });
  if (status !== 0) return undefined;
  const said: { readonly 'virtual-size'?: number } = JSON.parse(stdout);
  return said['virtual-size'];
}

/** As `size=` takes it, and no less exact. */
function inUnits(bytes: number): string {
  for (const [unit, size] of [['G', 2 ** 30] as const, ['M', 2 ** 20] as const, ['K', 2 ** 10] as const]) {
    if (bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes} bytes`;
}
