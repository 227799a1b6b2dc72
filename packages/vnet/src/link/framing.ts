/** How frames follow each other in a byte stream: a length before each. */
export interface Framing {
  readonly prefixLen: 2 | 4;
  /** Reads the length of the frame at `offset`. */
  readLength(bytes: Uint8Array, offset: number): number;
  writeLength(bytes: Uint8Array, offset: number, length: number): void;
}

/** QEMU's `-netdev stream` and `-netdev socket`: a 32-bit big-endian length (net/stream.c of QEMU). */
export const qemuFraming: Framing = {
  prefixLen: 4,
  readLength: (bytes, at) =>
    (((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>>
    0,
  writeLength: (bytes, at, length) => {
    bytes[at] = length >>> 24;
    bytes[at + 1] = length >>> 16;
    bytes[at + 2] = length >>> 8;
    bytes[at + 3] = length;
  },
};

/** VPNKit's protocol, and gvproxy's stdio: a 16-bit little-endian length. */
export const littleEndian16Framing: Framing = {
  prefixLen: 2,
  readLength: (bytes, at) => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8),
  writeLength: (bytes, at, length) => {
    bytes[at] = length;
    bytes[at + 1] = length >>> 8;
  },
};
