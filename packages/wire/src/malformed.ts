/**
 * Why bytes are not what they claim to be. Parsers return it in place of fields (`typeof parsed === 'string'`),
 * so that a caller can count drops by reason; hostile input never throws.
 *
 * - `truncated`: the bytes end before the header, or a length in it says so
 * - `bad-version`: another version of the protocol than this parser reads
 * - `bad-length`: a length field contradicts the format or the bytes
 * - `bad-checksum`: the header's own checksum is wrong
 * - `bad-option`: an option or extension cannot be read
 * - `bad-value`: another field has a value that the format excludes
 * - `too-deep`: more nesting or indirection than an honest sender makes
 */
export type Malformed =
  | 'truncated'
  | 'bad-version'
  | 'bad-length'
  | 'bad-checksum'
  | 'bad-option'
  | 'bad-value'
  | 'too-deep';
