/** Assembled from tiny-guest.s, without the zeros that follow. */
const code =
  '31c08ed8ba0206b80001efbe507ce83300bafd03eca801740dbaf803ec3c68741b3c717410eeba0006eda9000174e2be577c' +
  'e80f00ba0406b80020effabaf803eef4ebfdbaf803ac84c07403eeebf8c372656164790a006279650a00';

/** The disk that holds {@link code} as its boot sector; SeaBIOS finds no cylinder on a disk of less than 516 kB. */
export function tinyGuestDisk(): Uint8Array {
  const disk = new Uint8Array(1 << 20);
  disk.set(Buffer.from(code, 'hex'));
  disk.set([0x55, 0xaa], 510);
  return disk;
}
