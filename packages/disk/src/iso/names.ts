/** Level 2 of ECMA-119 would allow 30 characters; eight and three is what every boot loader reads. */
const CLEAN = /^[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?$/;
const JOLIET_UNITS = 64;

/**
 * The ISO 9660 identifier of each name of one directory, unique in it: the name itself in upper case where it
 * is as short as eight and three, else cut with a number at its end.
 */
export function isoNames(names: readonly { readonly name: string; readonly directory: boolean }[]): string[] {
  const taken = new Set<string>();
  return names.map(({ name, directory }) => {
    const upper = name.toUpperCase();
    let own =
      CLEAN.test(upper) && (!directory || !upper.includes('.')) ? upper : cut(upper, directory, undefined);
    for (let n = 0; taken.has(own); n++) own = cut(upper, directory, n);
    taken.add(own);
    if (directory) return own;
    return `${own.includes('.') ? own : `${own}.`};1`;
  });
}

function cut(upper: string, directory: boolean, n: number | undefined): string {
  const clean = (text: string) => text.replace(/[^A-Z0-9_]/g, '_');
  const dot = directory ? -1 : upper.lastIndexOf('.');
  const base = clean(dot > 0 ? upper.slice(0, dot) : upper) || '_';
  const extension = dot > 0 ? clean(upper.slice(dot + 1)).slice(0, 3) : '';
  const tail = n === undefined ? '' : n.toString(36).toUpperCase().padStart(3, '0');
  const short = base.slice(0, 8 - tail.length) + tail;
  return extension === '' ? short : `${short}.${extension}`;
}

/** Joliet names, at most 64 UCS-2 units, unique in the directory. */
export function jolietNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const clean = name.replace(/[\u0000-\u001f*/:;?\\]/g, '_');
    let own = clean.slice(0, JOLIET_UNITS);
    for (let n = 0; taken.has(own); n++) {
      const tail = `~${n}`;
      own = clean.slice(0, JOLIET_UNITS - tail.length) + tail;
    }
    taken.add(own);
    return own;
  });
}

/** Identifiers as bytes: one each, or two each in Joliet, big endian. */
export function encodeName(name: string, joliet: boolean): Uint8Array {
  if (!joliet) return Uint8Array.from(name, (char) => char.charCodeAt(0));
  const bytes = new Uint8Array(name.length * 2);
  for (let i = 0; i < name.length; i++) {
    bytes[i * 2] = name.charCodeAt(i) >> 8;
    bytes[i * 2 + 1] = name.charCodeAt(i) & 0xff;
  }
  return bytes;
}
