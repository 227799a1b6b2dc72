/**
 * Domain names as other protocols carry them, never compressed (RFC 1035 §3.1): DHCP and neighbour discovery
 * say so. Text form: labels joined with dots, no dot at the end; "" is the root. A byte that is a dot, a
 * backslash or not printable ASCII is written `\DDD` (RFC 1035 §5.1).
 */

/** The longest name on the wire, its final zero included (RFC 1035 §2.3.4). */
export const MAX_NAME_LEN = 255;
export const MAX_LABEL_LEN = 63;
/** As many labels as the longest name has: more pointers on the way through one name only cost time. */
export const MAX_NAME_POINTERS = 127;

/** The name at `offset` and where it ends, or undefined if it is none. */
export function decodePlainName(
  bytes: Uint8Array,
  offset: number,
  end: number,
): { readonly name: string; readonly end: number } | undefined {
  let name = '';
  let at = offset;
  for (;;) {
    if (at >= end || at - offset >= MAX_NAME_LEN) return undefined;
    const length = bytes[at];
    if (length === 0) return { name, end: at + 1 };
    if (length > MAX_LABEL_LEN || at + 1 + length > end) return undefined;
    const label = formatLabel(bytes, at + 1, at + 1 + length);
    name = name === '' ? label : `${name}.${label}`;
    at += 1 + length;
  }
}

/** The name's bytes, or undefined if a label is empty or too long, or the name is. A dot at the end is allowed. */
export function encodePlainName(name: string): number[] | undefined {
  const labels = parseLabels(name);
  if (labels === undefined) return undefined;
  const bytes: number[] = [];
  for (const label of labels) bytes.push(label.length, ...label);
  bytes.push(0);
  return bytes.length > MAX_NAME_LEN ? undefined : bytes;
}

/** The text of one label. */
export function formatLabel(bytes: Uint8Array, offset: number, end: number): string {
  let text = '';
  for (let at = offset; at < end; at++) text += TEXT_OF_BYTE[bytes[at]];
  return text;
}

/** A table, for making the one-letter strings anew takes most of the time of reading a message. */
const TEXT_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const plain = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;
  return plain ? String.fromCharCode(byte) : `\\${byte.toString().padStart(3, '0')}`;
});

/** The labels of a name as bytes; undefined if one is empty, too long or not ASCII. */
export function parseLabels(name: string): number[][] | undefined {
  if (name === '' || name === '.') return [];
  const labels: number[][] = [];
  let label: number[] = [];
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code === 0x2e) {
      if (label.length === 0) return undefined;
      labels.push(label);
      label = [];
      continue;
    }
    const special = code === 0x5c ? escapedByte(name, at) : undefined;
    if (code === 0x5c && special === undefined) return undefined;
    if (code > 0x7f) return undefined;
    label.push(special?.byte ?? code);
    if (label.length > MAX_LABEL_LEN) return undefined;
    at += special === undefined ? 0 : special.length - 1;
  }
  if (label.length > 0) labels.push(label);
  return labels;
}

/** `\DDD` or `\X` at `at`. */
function escapedByte(name: string, at: number): { byte: number; length: number } | undefined {
  const digits = name.slice(at + 1, at + 4);
  if (/^\d{3}$/.test(digits)) return Number(digits) > 255 ? undefined : { byte: Number(digits), length: 4 };
  const code = name.charCodeAt(at + 1);
  return at + 1 < name.length && code < 0x80 ? { byte: code, length: 2 } : undefined;
}
