import { CAPABILITIES } from '@orlop/core';

/** linux/capability.h: VFS_CAP_REVISION_2, with the bit that makes the permitted ones effective at once. */
const REVISION_2_EFFECTIVE = 0x0200_0001;

/**
 * The value of the extended attribute `security.capability` that permits these, effective at once.
 *
 * @param names as {@link CAPABILITIES} has them
 */
export function encodeFileCapabilities(names: readonly string[]): Uint8Array {
  const permitted = [0, 0];
  for (const name of names) {
    const bit = CAPABILITIES.indexOf(name);
    const word = bit >> 5;
    permitted[word] = ((permitted[word] ?? 0) | (1 << (bit & 31))) >>> 0;
  }
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, REVISION_2_EFFECTIVE, true);
  // struct vfs_cap_data: pairs of permitted and inheritable, low word first.
  view.setUint32(4, permitted[0] ?? 0, true);
  view.setUint32(12, permitted[1] ?? 0, true);
  return bytes;
}
