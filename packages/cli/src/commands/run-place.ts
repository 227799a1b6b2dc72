import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { OrlopError } from '@orlop/core';
import type { Machines } from './run-machines.ts';

export interface PlaceOptions {
  readonly machines: Pick<Machines, 'place'>;
  /** What the user calls the machine. @default by the image's name */
  readonly name: string | undefined;
  /** The user's choice of a folder. */
  readonly state: string | undefined;
  /** Whether the folder is `PATH-state` where none was chosen. */
  readonly beside: boolean;
}

/** The name and the folder of the machine that boots an image. */
export async function placeMachine(
  imagePath: string,
  { machines, name, state, beside }: PlaceOptions,
): Promise<{ readonly name: string; readonly folder: string }> {
  const first = name ?? defaultName(imagePath);
  if (!beside) return { name: first, folder: await machines.place(first, state) };
  const place = state ?? `${imagePath.replace(/\.iso$/, '')}-state`;
  try {
    return { name: first, folder: await machines.place(first, place) };
  } catch (error) {
    if (name !== undefined || !(error instanceof OrlopError) || error.code !== 'run.name-taken') throw error;
    // An image of that name in another folder; who runs it by its path alone knows of no names.
    const mark = createHash('sha256').update(place).digest('hex').slice(0, 6);
    const second = `${first.slice(0, 56)}-${mark}`;
    return { name: second, folder: await machines.place(second, place) };
  }
}

/** `build/redis-os.iso` is `redis-os`; signs that no name may have become dashes. */
function defaultName(path: string): string {
  const name = basename(path)
    .replace(/\.(iso|img|raw|qcow2|vmdk|vhdx?|vdi|efi)$/, '')
    .replaceAll(/[^a-zA-Z0-9_.-]/g, '-')
    .replace(/^[^a-zA-Z0-9]+/, '')
    .slice(0, 63);
  return name === '' ? 'machine' : name;
}
