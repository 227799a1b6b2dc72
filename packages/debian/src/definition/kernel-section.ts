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

/** Reads `kernel:`. */
export function readKernel(reader: YamlReader, value: YamlValue): KernelSection {
  let modules: readonly RestrictedName[] = [
    { name: '**', architectures: [], position: reader.position(value) },
  ];
  let withoutModules: readonly RestrictedName[] = [];
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
    'device-trees': (field) => {
      deviceTrees = reader.items(field).flatMap((item) => readGlob(reader, item, reader.string(item)) ?? []);
    },
  });
  return { modules, withoutModules, deviceTrees };
}
