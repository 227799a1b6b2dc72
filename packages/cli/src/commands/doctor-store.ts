import { access } from 'node:fs/promises';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../progress.ts';
import { openStore } from './cache-options.ts';
import { type Finding, noteFrom } from './doctor-finding.ts';

/** From here on it is worth a word. */
const MUCH_BYTES = 500e6;

/** What the store of images holds, and how much of it nobody is likely to ask for again; nothing where there is no store. */
export async function storeFindings(context: CommandContext): Promise<Finding[]> {
  const name = 'images';
  if (!(await exists(context.env['ORLOP_CACHE'] ?? context.paths.cache))) return [];
  try {
    const { supersededImages } = await import('@orlop/debian');
    const superseded = await supersededImages(await openStore(context, {}));
    return [{ name, ...judgeStore(superseded) }];
  } catch (error) {
    return [noteFrom(name, error)];
  }
}

export function judgeStore({
  images,
  sizeBytes,
  storeBytes,
}: {
  readonly images: readonly unknown[];
  readonly sizeBytes: number;
  readonly storeBytes: number;
}): Omit<Finding, 'name'> {
  const whole = `${formatBytes(storeBytes)} in the store`;
  if (images.length === 0) return { status: 'ok', detail: whole };
  const detail = `${whole}, ${formatBytes(sizeBytes)} of it in ${images.length} images of earlier states of components`;
  if (sizeBytes < MUCH_BYTES) return { status: 'ok', detail };
  return { status: 'note', detail, hint: 'remove those: orlop cache clean --superseded' };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
