import type { Problem } from '@orlop/core';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { isSettingName, type SettingName, type SettingValue, settingNames, settingOf } from './schema.ts';
import { checkValue } from './setting-value.ts';

export type SettingValues = ReadonlyMap<SettingName, SettingValue>;

export interface SettingsText {
  readonly values: SettingValues;
  /** Names that later layers may not change; in a policy only. */
  readonly locked: readonly SettingName[];
  readonly problems: readonly Problem[];
}

/** Reads settings (YAML, or JSON, which is YAML); every problem has its place in the file. */
export function readSettings(text: string, file: string): SettingsText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const problems: Problem[] = [];
  const problem = (message: string, offset: number) => {
    const { line, col } = lines.linePos(offset);
    problems.push({ message, position: { file, line, column: col } });
  };
  for (const error of document.errors) problem(error.message.split('\n')[0] ?? '', error.pos[0]);
  const values = new Map<SettingName, SettingValue>();
  const locked: SettingName[] = [];
  const visit = (node: unknown, prefix: string): void => {
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
      const name = `${prefix}${String(isScalar(key) ? key.value : key)}`;
      if (name === 'locked') {
        const names = toPlain(value);
        if (!Array.isArray(names)) {
          problem('locked: a list of settings', offsetOf(value) ?? offset);
          continue;
        }
        for (const one of names as readonly unknown[]) {
          if (typeof one === 'string' && isSettingName(one)) locked.push(one);
          else problem(`locked: there is no setting "${String(one)}"`, offset);
        }
      } else if (isSettingName(name)) {
        const checked = checkValue(settingOf(name), toPlain(value));
        if ('value' in checked) values.set(name, checked.value);
        else problem(`${name}: ${checked.problem}`, offsetOf(value) ?? offset);
      } else if (settingNames.some((known) => known.startsWith(`${name}.`))) {
        if (isMap(value)) visit(value, `${name}.`);
        else problem(`${name}: a mapping`, offsetOf(value) ?? offset);
      } else problem(`there is no setting "${name}"`, offset);
    }
  };
  if (document.contents !== null && !isMap(document.contents))
    problem('a mapping of settings is expected', 0);
  else visit(document.contents, '');
  return { values, locked, problems };
}

/** The text with one setting changed, or taken out; comments stay. */
export function editSettings(text: string, name: SettingName, value: unknown): string {
  const document = parseDocument(text);
  const path = name.split('.');
  if (value === undefined) document.deleteIn(path);
  else document.setIn(path, value);
  if (isMap(document.contents) && document.contents.items.length === 0) return '';
  return document.toString();
}

function toPlain(node: unknown): unknown {
  return typeof node === 'object' && node !== null && 'toJSON' in node && typeof node.toJSON === 'function'
    ? node.toJSON()
    : node;
}

function offsetOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node)) return undefined;
  return Array.isArray(node.range) && typeof node.range[0] === 'number' ? node.range[0] : undefined;
}
