import type { BytePath } from './byte-paths.ts';

/** Bits of inotify(7), the same on every architecture. */
export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_CLOSE_WRITE = 0x8;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
export const IN_ONLYDIR = 0x1000000;
export const IN_DONT_FOLLOW = 0x2000000;
export const IN_EXCL_UNLINK = 0x4000000;
export const IN_ISDIR = 0x40000000;

export interface InotifyEvent {
  /** Which watch it is of; -1 for {@link IN_Q_OVERFLOW}. */
  readonly watch: number;
  readonly mask: number;
  /** Joins the two events of a move; 0 for all others. */
  readonly cookie: number;
  /** One character for each byte ({@link BytePath}). Empty when the watched folder itself is meant. */
  readonly name: BytePath;
}

/** `struct inotify_event`: int wd, uint32_t mask, cookie and len, then the name with zeros after it. */
const HEADER_LEN = 16;

/** Reads what one read(2) has brought, in the host's byte order (little-endian wherever Node runs on Linux). */
export function parseInotifyEvents(bytes: Uint8Array): InotifyEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: InotifyEvent[] = [];
  for (let at = 0; at + HEADER_LEN <= bytes.length; ) {
    const end = at + HEADER_LEN + view.getUint32(at + 12, true);
    if (end > bytes.length) break;
    const padded = bytes.subarray(at + HEADER_LEN, end);
    const zero = padded.indexOf(0);
    events.push({
      watch: view.getInt32(at, true),
      mask: view.getUint32(at + 4, true),
      cookie: view.getUint32(at + 8, true),
      name: Buffer.from(zero < 0 ? padded : padded.subarray(0, zero)).toString('latin1'),
    });
    at = end;
  }
  return events;
}
