/** Linux's `new_encode_dev` (include/linux/kdev_t.h): 12 bits of major between the halves of a 20-bit minor. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
