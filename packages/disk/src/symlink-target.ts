import { encodeName } from '@orlop/core';
import { diskError } from './errors.ts';

/** What Linux follows and reads: PATH_MAX without its final zero. */
const MAX_TARGET_BYTES = 4095;

/** A symlink's target as every file system keeps it. @throws OrlopError for one that is too long */
export function encodeTarget(pathOf: () => string, target: string): Uint8Array {
  const bytes = encodeName(target);
  if (bytes.length > MAX_TARGET_BYTES)
    throw diskError(
      'disk.bad-name',
      `the target of the symlink "/${pathOf()}" is longer than ${MAX_TARGET_BYTES} bytes`,
    );
  return bytes;
}
