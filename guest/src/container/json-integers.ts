/**
 * OCI configurations hold 64-bit integers (`RLIM_INFINITY` is 2^64-1), which a JavaScript number cannot. They travel
 * through parse and print as marked strings.
 */
const mark = '@orlop-integer:';

/** Strings are matched first, so that digits inside them stay as they are. */
const stringOrLongInteger = /"(?:[^"\\]|\\.)*"|-?\d{16,}/g;

/** Integers beyond 2^53 are kept as marked text, which {@link printJson} prints as they were. */
export function parseJson(text: string): unknown {
  return JSON.parse(
    text.replace(stringOrLongInteger, (token) => (token.startsWith('"') ? token : `"${mark}${token}"`)),
  );
}

/** The counterpart of {@link parseJson}. */
export function printJson(value: unknown): string {
  return JSON.stringify(value, undefined, 1).replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1');
}
