/**
 * OCI configurations hold 64-bit integers (`RLIM_INFINITY` is 2^64-1), which a JavaScript number cannot. They travel
 * through parse and print as marked strings.
 */
const mark = '@orlop-integer:';

/** Whole, so that digits inside strings, fractions and exponents are not looked at by themselves. */
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const longInteger = /^-?\d{16,}$/;

/** Integers beyond 2^53 are kept as marked text, which {@link printJson} prints as they were. */
export function parseJson(text: string): unknown {
  return JSON.parse(
    text.replace(stringOrNumber, (token) => (longInteger.test(token) ? `"${mark}${token}"` : token)),
  );
}

/** The counterpart of {@link parseJson}. */
export function printJson(value: unknown): string {
  return JSON.stringify(value, undefined, 1).replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1');
}
