import type { OrlopError, Problem } from '@orlop/core';

/** What a problem says, and what LinuxKit says of the same: `$path` stands for where it is, as `services.0.binds.1`. */
const wordings: readonly (readonly [RegExp, string])[] = [
  // Its JSON schema (gojsonschema's locale).
  [/^unknown key "([^"]*)".*/s, '$path: Additional property $1 is not allowed'],
  [/^"([^"]*)" is missing.*/s, '$path: $1 is required'],
  [/^a mode is octal digits in quotes.*/s, '$path: Invalid type. Expected: string, given: integer'],
  [/^expected "filesystem" or "oci".*/s, '$path: $path must be one of the following: "oci", "filesystem"'],
  // Its own checks.
  [/^cannot parse "([^"]*)" as an octal mode.*/s, '$path: cannot parse file mode as octal value: $1'],
  [/^cannot parse rlimit "([^"]*)".*/s, '$path: cannot parse rlimit: [$1]'],
  [
    /^volume (\S+) is read-only.*/s,
    '$path: volume $1 is read-only, but attempting to write into container read-write',
  ],
  [/^specified contents and source /, '$path: specified Contents and Source '],
  [/^specified contents and metadata /, '$path: specified Contents and Metadata '],
  [/^specified source and metadata /, '$path: specified Source and Metadata '],
];

const schemaTypes: Readonly<Record<string, string>> = {
  'a string': 'string',
  'true or false': 'boolean',
  'an integer': 'integer',
  'a list': 'array',
  'a mapping': 'object',
};

/** `services[0]: unknown key "x"` is `services.0: Additional property x is not allowed` to LinuxKit. */
export function schemaMessage({ message }: Problem): string {
  const { place, rest } = splitPlace(message);
  const path = place === '' ? '(root)' : place.replaceAll(/\[(\d+)\]/g, '.$1');
  const [, wanted = '', given = ''] = /^expected ([a-z ]+), got (.*)$/s.exec(rest) ?? [];
  const expected = schemaTypes[wanted];
  if (expected !== undefined) return `${path}: Invalid type. Expected: ${expected}, given: ${typeOf(given)}`;
  for (const [pattern, words] of wordings) {
    if (pattern.test(rest)) return rest.replace(pattern, words.replaceAll('$path', path));
  }
  return place === '' ? message : `${path}: ${rest}`;
}

/** The type that a JSON schema would call what our problem describes. */
function typeOf(given: string): string {
  if (given.startsWith('the string')) return 'string';
  if (given.startsWith('the number')) return /^the number -?\d+\b(?!\.)/.test(given) ? 'integer' : 'number';
  if (given.startsWith('true') || given.startsWith('false')) return 'boolean';
  if (given.startsWith('a list')) return 'array';
  return given.startsWith('a mapping') ? 'object' : 'null';
}

/** What LinuxKit says of the same failure, where scripts may look for it. */
export function linuxkitMessage({ code, message, problems }: OrlopError): string {
  const [, quoted = ''] = /"([^"]*)"/.exec(message) ?? [];
  switch (code) {
    case 'kit.unknown-format':
      return `error parsing formats: unknown format type ${quoted}`;
    case 'kit.image-not-found': {
      const [, reference = '', why = ''] =
        /^(\S+): (.*)$/s.exec(splitPlace(problems[0]?.message ?? '').rest) ?? [];
      return reference === ''
        ? message
        : `could not pull image ${reference}: error getting manifest for image ${reference}: ${why}`;
    }
    case 'kit.source-unreadable':
    case 'kit.source-unavailable':
      if (/https?:/.test(message)) return `cannot fetch remote yaml file: ${message}`;
      return message.startsWith('cannot read ') ? `cannot open config file: ${message}` : message;
    default:
      return message;
  }
}

function splitPlace(message: string): { readonly place: string; readonly rest: string } {
  const [, place = '', rest = message] = /^([a-zA-Z]\w*(?:\[\d+\]|\.[\w.-]+)*): (.*)$/s.exec(message) ?? [];
  return { place, rest };
}
