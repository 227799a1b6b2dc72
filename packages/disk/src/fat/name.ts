import { diskError } from '../errors.ts';

/** Units of a long name that one directory entry holds. */
export const LONG_NAME_UNITS = 13;
const MAX_LONG_NAME = 255;
const ILLEGAL = /[\u0000-\u001f"*/:<>?\\|]/;
/** What a short name may hold: FAT specification, "Long Name / Short Name". */
const SHORT = /^[A-Z0-9!#$%&'()@^_`{}~-]{1,8}(\.[A-Z0-9!#$%&'()@^_`{}~-]{1,3})?$/;

export interface FatName {
  /** Eleven bytes, base and extension padded with spaces. */
  readonly short: string;
  /** Absent where the short name says it all. */
  readonly long?: string;
}

/**
 * Gives each name of one directory its short form, unique in it; deterministic for a given order.
 *
 * @throws OrlopError for a name that FAT cannot hold, or two that differ in case only.
 */
export function assignNames(names: readonly string[], directory: string): FatName[] {
  const folded = new Map<string, string>();
  // Names differ in more than case, so the short form of one that is short but for its case is its own.
  const taken = new Set(
    names
      .map((name) => name.toUpperCase())
      .filter((upper) => SHORT.test(upper))
      .map(pad),
  );
  const nextNumber = new Map<string, number>();
  return names.map((name) => {
    checkName(name, directory);
    const twin = folded.get(name.toUpperCase());
    if (twin !== undefined) {
      throw diskError(
        'disk.bad-name',
        `"${twin}" and "${name}" in "/${directory}" are one name on a FAT file system`,
      );
    }
    folded.set(name.toUpperCase(), name);
    const upper = name.toUpperCase();
    if (SHORT.test(upper)) return upper === name ? { short: pad(name) } : { short: pad(upper), long: name };
    const short = numericTail(name, taken, nextNumber);
    taken.add(short);
    return { short, long: name };
  });
}

function checkName(name: string, directory: string): void {
  if (ILLEGAL.test(name) || name.length > MAX_LONG_NAME || /[. ]$/.test(name)) {
    throw diskError('disk.bad-name', `"${name}" in "/${directory}" is no name for a FAT file system`);
  }
}

function pad(name: string): string {
  const dot = name.indexOf('.');
  const [base, extension] = dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
  return base.padEnd(8) + extension.padEnd(3);
}

/** `LONGNA~1.EXT`: FAT specification, "The Basis-Name Generation Algorithm". */
function numericTail(name: string, taken: ReadonlySet<string>, nextNumber: Map<string, number>): string {
  const clean = name.toUpperCase().replace(/^\.+/, '').replaceAll(' ', '');
  const dot = clean.lastIndexOf('.');
  const base =
    (dot < 0 ? clean : clean.slice(0, dot)).replace(/[^A-Z0-9!#$%&'()@^_`{}~-]/g, '_').replaceAll('.', '_') ||
    '_';
  const extension = (dot < 0 ? '' : clean.slice(dot + 1, dot + 4)).replace(/[^A-Z0-9!#$%&'()@^_`{}~-]/g, '_');
  // All names that begin like this compete for the numbers, and those below `nextNumber` are taken.
  const key = `${base.slice(0, 6)}.${extension}`;
  for (let n = nextNumber.get(key) ?? 1; ; n++) {
    const tail = `~${n}`;
    const short = (base.slice(0, 8 - tail.length) + tail).padEnd(8) + extension.padEnd(3);
    if (taken.has(short)) continue;
    nextNumber.set(key, n + 1);
    return short;
  }
}

/** The checksum that ties long-name entries to their short name. */
export function shortNameChecksum(short: string): number {
  let sum = 0;
  for (let i = 0; i < 11; i++) sum = (((sum & 1) << 7) + (sum >> 1) + short.charCodeAt(i)) & 0xff;
  return sum;
}

/** Directory entries that a name takes. */
export function entriesOf(name: FatName): number {
  return 1 + (name.long === undefined ? 0 : Math.ceil(name.long.length / LONG_NAME_UNITS));
}
