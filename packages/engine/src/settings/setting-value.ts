import type { Setting, SettingValue } from './schema.ts';

export type Checked = { readonly value: SettingValue } | { readonly problem: string };

const UNITS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Whether a value that a file or a flag gives is one of this setting. */
export function checkValue(setting: Setting, value: unknown): Checked {
  switch (setting.type) {
    case 'integer':
      if (typeof value !== 'number' || !Number.isInteger(value)) return { problem: 'a whole number' };
      return atLeast(setting, value);
    case 'size': {
      const size = typeof value === 'number' ? value : parseSize(value);
      if (size === undefined || !Number.isSafeInteger(size))
        return { problem: 'a size such as 4GiB or 512M' };
      return atLeast(setting, size);
    }
    case 'text':
      if (typeof value !== 'string') return { problem: 'a text' };
      if (setting.choices !== undefined && !setting.choices.includes(value)) {
        return { problem: `one of ${setting.choices.join(', ')}` };
      }
      if (setting.form?.pattern.test(value) === false) return { problem: setting.form.words };
      return { value };
    case 'boolean':
      return typeof value === 'boolean' ? { value } : { problem: 'true or false' };
    case 'texts':
      if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) {
        return { problem: 'a list of texts' };
      }
      if (setting.form !== undefined) {
        const { pattern, words } = setting.form;
        const wrong = value.find((one) => !pattern.test(one));
        if (wrong !== undefined) return { problem: `${words}; "${wrong}" is none` };
      }
      return { value };
    case 'object':
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        return { problem: 'a mapping' };
      return { value: value as Readonly<Record<string, unknown>> };
  }
}

/** A value as a command line writes it: lists with commas, or as JSON where a comma is in one; mappings as JSON. */
export function parseValue(setting: Setting, text: string): unknown {
  switch (setting.type) {
    case 'integer':
      return /^-?\d+$/.test(text) ? Number(text) : text;
    case 'size':
    case 'text':
      return text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'texts':
      return text === '' ? [] : (parseList(text) ?? text.split(','));
    case 'object':
      try {
        return JSON.parse(text);
      } catch {
        return text;
      }
  }
}

/** A registry by an address of IPv6 begins like a list of JSON and is none. */
function parseList(text: string): unknown {
  if (!text.startsWith('[')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function formatValue(setting: Setting, value: SettingValue): string {
  if (setting.type === 'size') return formatSize(Number(value));
  if (Array.isArray(value))
    return value.some((one) => one.includes(',')) ? JSON.stringify(value) : value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function atLeast(setting: Setting, value: number): Checked {
  if (setting.min === undefined || value >= setting.min) return { value };
  return { problem: `at least ${formatValue(setting, setting.min)}` };
}

/** Binary units, as memory is sold and virtual disks are made. */
function parseSize(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt])?i?b?$/i.exec(value.trim());
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * (UNITS[match[2]?.toLowerCase() ?? ''] ?? 1));
}

function formatSize(bytes: number): string {
  for (const [unit, factor] of Object.entries(UNITS).reverse()) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit.toUpperCase()}iB`;
  }
  return String(bytes);
}
