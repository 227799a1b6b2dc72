import { stringify } from 'yaml';
import type { PlainValue } from '../yaml/located.ts';
import { SECTION_ORDER } from './merge.ts';

type PlainMap = Readonly<Record<string, PlainValue | undefined>>;

/** The order of LinuxKit's structures, which its own output has; keys that are not here come after. */
const CONTAINER_KEYS = ['name', 'image'];

/** The merged description as YAML: what `--dry-run` prints, and files with `metadata: yaml` hold. */
export function printYaml(plain: PlainMap): string {
  return stringify(ordered(plain), { indentSeq: false, lineWidth: 0, aliasDuplicateObjects: false });
}

/** What files with `metadata: json` hold. */
export function printJson(plain: PlainMap): string {
  return JSON.stringify(ordered(plain), (_, value) => (typeof value === 'bigint' ? Number(value) : value), 4);
}

/** The description with the references of its images (not of its volumes) replaced. */
export function withReferences(plain: PlainMap, full: (reference: string) => string): PlainMap {
  const image = (value: PlainValue | undefined) => (typeof value === 'string' ? full(value) : value);
  const inMap = (value: PlainValue | undefined) =>
    isMap(value) && 'image' in value ? { ...value, image: image(value['image']) } : value;
  const result: Record<string, PlainValue | undefined> = { ...plain };
  result['kernel'] = inMap(plain['kernel']);
  if (isList(plain['init'])) result['init'] = plain['init'].map((item) => image(item) ?? null);
  for (const section of ['onboot', 'onshutdown', 'services']) {
    const list = plain[section];
    if (isList(list)) result[section] = list.map((item) => inMap(item) ?? null);
  }
  return result;
}

function ordered(plain: PlainMap): PlainMap {
  const keys = [...SECTION_ORDER.filter((key) => plain[key] !== undefined)];
  const result: Record<string, PlainValue | undefined> = {};
  for (const key of keys) result[key] = orderedValue(plain[key] ?? null);
  return result;
}

function orderedValue(value: PlainValue): PlainValue {
  if (!isList(value)) return value;
  return value.map((item) => {
    if (!isMap(item)) return item;
    const first = CONTAINER_KEYS.filter((key) => key in item).map((key) => [key, item[key]] as const);
    const rest = Object.entries(item).filter(([key]) => !CONTAINER_KEYS.includes(key));
    return Object.fromEntries([...first, ...rest]);
  });
}

function isMap(value: PlainValue | undefined): value is { readonly [key: string]: PlainValue | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: PlainValue | undefined): value is readonly PlainValue[] {
  return Array.isArray(value);
}
