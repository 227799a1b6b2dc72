/** What {@link goJson} writes. Undefined members are left out. */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

const INDENT = '    ';

/**
 * JSON as Go's `json.MarshalIndent(value, "", "    ")` writes it: `<`, `>`, `&` and the line separators escaped,
 * empty lists and objects on one line. Members stand in the given order.
 */
export function goJson(value: JsonValue): string {
  return emit(value, '');
}

/** An object with its keys sorted, as Go writes maps; undefined when it is absent or empty (`omitempty`). */
export function goMap<T extends JsonValue>(
  map: Readonly<Record<string, T>> | undefined,
): Readonly<Record<string, T>> | undefined {
  const entries = Object.entries(map ?? {});
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** A list, or undefined when it is absent or empty (`omitempty`). */
export function goList<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

function emit(value: JsonValue, margin: string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return goString(value);
  const inner = margin + INDENT;
  if (isList(value)) {
    if (value.length === 0) return '[]';
    const items = value.map((item) => `${inner}${emit(item, inner)}`);
    return `[\n${items.join(',\n')}\n${margin}]`;
  }
  const members: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${inner}${goString(key)}: ${emit(member, inner)}`);
  }
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${margin}}`;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** encoding/json: HTML characters and U+2028, U+2029 are escaped; backspace and form feed by their numbers. */
function goString(text: string): string {
  return JSON.stringify(text)
    .replace(/\\b|\\f|\\./g, (escaped) =>
      escaped === '\\b' ? '\\u0008' : escaped === '\\f' ? '\\u000c' : escaped,
    )
    .replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
