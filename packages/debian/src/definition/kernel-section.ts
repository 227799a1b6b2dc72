import { basename, join } from 'node:path';
import { isGlob } from '../layer/globs.ts';
import type { KernelSection, RestrictedName } from './definition.ts';
import { readGlob, splitRestriction } from './words.ts';
import type { YamlReader, YamlValue } from './yaml-reader.ts';

/** A module's name, or a pattern over paths of modules, for some architectures or all. */
function readModuleWord(reader: YamlReader, item: YamlValue): RestrictedName | undefined {
  const restricted = splitRestriction(reader, item, /^[\w.*?/+-]+$/);
  if (restricted === undefined || isGlob(restricted.name)) return restricted;
  return reader.note(item, `${item.path} "${restricted.name}" is neither a module nor a pattern of paths`);
}

/** A module that is compiled is wanted in the image. */
function moduleOf(source: RestrictedName): RestrictedName {
  return { ...source, name: basename(source.name, '.c') };
}

/** Reads `kernel:`. */
export function readKernel(reader: YamlReader, value: YamlValue, folder: string): KernelSection {
  let modules: readonly RestrictedName[] = [
    { name: '**', architectures: [], position: reader.position(value) },
  ];
  let withoutModules: readonly RestrictedName[] = [];
  let sources: readonly RestrictedName[] = [];
  let deviceTrees: readonly string[] = [];
  const words = (field: YamlValue) =>
    reader.items(field).flatMap((item) => readModuleWord(reader, item) ?? []);
  reader.fields(value, {
    modules: (field) => {
      modules = words(field);
    },
    'without-modules': (field) => {
      withoutModules = words(field);
    },
    sources: (field) => {
      sources = reader.items(field).flatMap((item) => {
        const word = splitRestriction(reader, item, /^([\w.-]+\/)*[a-z0-9_]+\.c$/);
        return word === undefined ? [] : [{ ...word, name: join(folder, word.name) }];
      });
    },
    'device-trees': (field) => {
      deviceTrees = reader.items(field).flatMap((item) => readGlob(reader, item, reader.string(item)) ?? []);
    },
  });
  return { modules: [...modules, ...sources.map(moduleOf)], withoutModules, sources, deviceTrees };
}
