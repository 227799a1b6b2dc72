/** Level 2 of ECMA-119 would allow 30 characters; eight and three is what every boot loader reads. */
const CLEAN = /^[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?$/;
const ILLEGAL = /[^A-Z0-9_]/g;
const BASE_LENGTH = 8;
const NUMBER_LENGTH = 3;
const JOLIET_UNITS = 64;

/**
 * The ISO 9660 identifier of each name of one directory, unique in it: the name itself in upper case where it
 * is as short as eight and three, else cut with a number at its end.
 */
export function isoNames(names: readonly { readonly name: string; readonly directory: boolean }[]): string[] {
  const taken = new Set<string>();
  /** Numbers below are taken, by what they are put behind. */
  const nextNumber = new Map<string, number>();
  return names.map(({ name, directory }) => {
    const upper = name.toUpperCase();
    const whole = CLEAN.test(upper) && (!directory || !upper.includes('.'));
    let own = upper;
    if (!whole || taken.has(own)) {
      const { base, extension } = clean(upper, directory);
      if (!whole) own = cut(base, extension, undefined);
      if (taken.has(own)) {
        const key = `${base.slice(0, BASE_LENGTH - NUMBER_LENGTH)}.${extension}`;
        let n = nextNumber.get(key) ?? 0;
        for (; taken.has(own); n++) own = cut(base, extension, n);
        nextNumber.set(key, n);
      }
    }
    taken.add(own);
    if (directory) return own;
    return `${own.includes('.') ? own : `${own}.`};1`;
  });
}

/** No more of a name than an identifier holds. */
function clean(upper: string, directory: boolean): { base: string; extension: string } {
  const dot = directory ? -1 : upper.lastIndexOf('.');
  return {
    base: upper.slice(0, dot > 0 ? Math.min(dot, BASE_LENGTH) : BASE_LENGTH).replace(ILLEGAL, '_') || '_',
    extension: dot > 0 ? upper.slice(dot + 1, dot + 4).replace(ILLEGAL, '_') : '',
  };
}

function cut(base: string, extension: string, n: number | undefined): string {
  const tail = n === undefined ? '' : n.toString(36).toUpperCase().padStart(NUMBER_LENGTH, '0');
  const short = base.slice(0, BASE_LENGTH - tail.length) + tail;
  return extension === '' ? short : `${short}.${extension}`;
}

/** Joliet names, at most 64 UCS-2 units, unique in the directory. */
export function jolietNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  const nextNumber = new Map<string, number>();
  return names.map((name) => {
    const clean = name.replace(/[\u0000-\u001f*/:;?\\\udc80-\udcff]/gu, '_');
    const whole = clean.slice(0, JOLIET_UNITS);
    let own = whole;
    let n = nextNumber.get(whole) ?? 0;
    for (; taken.has(own); n++) {
      const tail = `~${n}`;
      own = clean.slice(0, JOLIET_UNITS - tail.length) + tail;
    }
    if (n > 0) nextNumber.set(whole, n);
    taken.add(own);
    return own;
  });
}

/** Puts an identifier's bytes: one a character, or two in Joliet, big endian. */
export function putName(bytes: Uint8Array, at: number, name: string, joliet: boolean): void {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (joliet) {
      bytes[at + i * 2] = unit >> 8;
      bytes[at + i * 2 + 1] = unit & 0xff;
    } else bytes[at + i] = unit;
  }
}
