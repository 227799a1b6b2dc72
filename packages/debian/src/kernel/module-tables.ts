import { type ModuleInfo, moduleName } from './modinfo.ts';
import { encodeModuleIndex, type IndexEntry } from './module-index.ts';

/** A module of the image. */
export interface KernelModule {
  /** Below `lib/modules/VERSION`, e.g. `kernel/fs/ext4/ext4.ko`. */
  readonly path: string;
  readonly info: ModuleInfo;
}

/** What Debian ships beside the modules. */
export interface KernelLists {
  /** `modules.order`: paths in the order in which aliases are tried. */
  readonly order: readonly string[];
  /** `modules.builtin`: paths of what is compiled in. */
  readonly builtin: readonly string[];
  /** `modules.builtin.modinfo`: `name.key=value`. */
  readonly builtinInfo: readonly string[];
}

const encoder = new TextEncoder();

/** All that a module needs, each module before what it needs itself: the order of modules.dep(5). */
export function dependencyOrder(
  module: KernelModule,
  byName: ReadonlyMap<string, KernelModule>,
): readonly KernelModule[] {
  const done = new Set<string>();
  const reversed: KernelModule[] = [];
  const visit = (name: string) => {
    const found = byName.get(name);
    if (found === undefined || done.has(name)) return;
    done.add(name);
    for (const need of found.info.depends) visit(need);
    reversed.push(found);
  };
  done.add(module.info.name);
  for (const need of module.info.depends) visit(need);
  return reversed.reverse();
}

/**
 * The files that depmod(8) would write, by name: texts for busybox, indexes for kmod. `modules.symbols` is left
 * out, as no program asks for modules by symbols they export.
 */
export function moduleTables(
  modules: readonly KernelModule[],
  lists: KernelLists,
): ReadonlyMap<string, Uint8Array> {
  const rank = new Map(lists.order.map((path, index) => [uncompressed(path), index]));
  const sorted = [...modules].sort(
    (a, b) =>
      (rank.get(a.path) ?? lists.order.length) - (rank.get(b.path) ?? lists.order.length) ||
      (a.path < b.path ? -1 : 1),
  );
  const byName = new Map(sorted.map((module) => [module.info.name, module]));
  const builtin = lists.builtin.map((path) => moduleName(fileStem(path)));
  const dependencies = sorted.map((module, priority) => {
    const needs = dependencyOrder(module, byName).map((need) => ` ${need.path}`);
    return { key: module.info.name, value: `${module.path}:${needs.join('')}`, priority };
  });
  const aliases = sorted.flatMap((module, priority) =>
    module.info.aliases.map((alias) => ({ key: alias, value: module.info.name, priority })),
  );
  const builtinAliases = lists.builtinInfo.flatMap((text, priority) => {
    const match = /^([^.]+)\.alias=(.+)$/s.exec(text);
    return match === null ? [] : [{ key: match[2] ?? '', value: moduleName(match[1] ?? ''), priority }];
  });
  const text = (lines: readonly string[]) => encoder.encode(lines.map((line) => `${line}\n`).join(''));
  const soft = (key: 'softDependencies' | 'weakDependencies', word: string) =>
    text(sorted.flatMap(({ info }) => info[key].map((line) => `${word} ${info.name} ${line}`)));
  return new Map([
    ['modules.alias', text(aliases.map(({ key, value }) => `alias ${key} ${value}`))],
    ['modules.alias.bin', encodeModuleIndex(aliases.map(normalized))],
    ['modules.builtin', text(lists.builtin)],
    ['modules.builtin.alias.bin', encodeModuleIndex(builtinAliases.map(normalized))],
    ['modules.builtin.bin', encodeModuleIndex(builtin.map((key) => ({ key, value: '', priority: 0 })))],
    ['modules.builtin.modinfo', encoder.encode(lists.builtinInfo.map((line) => `${line}\0`).join(''))],
    ['modules.dep', text(dependencies.map(({ value }) => value))],
    ['modules.dep.bin', encodeModuleIndex(dependencies)],
    ['modules.devname', text(deviceNames(sorted))],
    ['modules.order', text(sorted.map(({ path }) => path))],
    ['modules.softdep', soft('softDependencies', 'softdep')],
    ['modules.weakdep', soft('weakDependencies', 'weakdep')],
    ['modules.symbols.bin', encodeModuleIndex([])],
  ]);
}

/** Device nodes that load their module when opened: `module name c10:229`. */
function deviceNames(modules: readonly KernelModule[]): readonly string[] {
  return modules.flatMap(({ info }) => {
    const name = info.aliases.find((alias) => alias.startsWith('devname:'))?.slice('devname:'.length);
    const number = info.aliases
      .map((alias) => /^(char|block)-major-(\d+)-(\d+)$/.exec(alias))
      .find((m) => m !== null);
    if (name === undefined || number === undefined) return [];
    return [`${info.name} ${name} ${number?.[1] === 'char' ? 'c' : 'b'}${number?.[2]}:${number?.[3]}`];
  });
}

/** kmod looks patterns up with `-` as `_`, but not inside brackets, where it means a range. */
function normalized(entry: IndexEntry): IndexEntry {
  return { ...entry, key: entry.key.replace(/\[[^\]]*\]|-/g, (found) => (found === '-' ? '_' : found)) };
}

/** Path of a module once its compression is taken off. */
export function uncompressed(path: string): string {
  return path.replace(/\.ko\.(xz|gz|zst)$/, '.ko');
}

/** `kernel/fs/ext4/ext4.ko.xz` to `ext4`. */
export function fileStem(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.ko(\.\w+)?$/, '');
}
