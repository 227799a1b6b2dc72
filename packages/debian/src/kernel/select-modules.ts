import { type KernelSection, namesFor, type RestrictedName } from '../definition/definition.ts';
import { compileGlobs } from '../layer/globs.ts';
import { moduleName } from './modinfo.ts';
import { dependencyOrder, type KernelModule } from './module-tables.ts';

export interface SelectionRequest {
  readonly all: readonly KernelModule[];
  readonly section: KernelSection;
  readonly architecture: string;
  /** Names of what is compiled in. */
  readonly builtin: ReadonlySet<string>;
}

export interface ModuleSelection {
  readonly modules: readonly KernelModule[];
  /** Words of the section that stand for no module. */
  readonly unmatched: readonly RestrictedName[];
}

/**
 * The modules that a definition asks for, with all that they depend on. A word with a slash or a star is a
 * pattern over the path below `kernel/`, any other is a module's name.
 */
export function selectModules(request: SelectionRequest): ModuleSelection {
  const { all, section, architecture, builtin } = request;
  const byName = new Map(all.map((module) => [module.info.name, module]));
  const without = compileWords(namesFor(section.withoutModules, architecture));
  const chosen = new Set<KernelModule>();
  const unmatched: RestrictedName[] = [];
  for (const word of section.modules) {
    if (word.architectures.length > 0 && !word.architectures.includes(architecture)) continue;
    const found = all.filter(compileWords([word.name]));
    // What is compiled in is there without a module: other architectures may build it as one.
    if (found.length === 0 && !builtin.has(moduleName(word.name))) unmatched.push(word);
    for (const module of found) {
      if (without(module)) continue;
      chosen.add(module);
      for (const need of dependencyOrder(module, byName)) chosen.add(need);
    }
  }
  return { modules: all.filter((module) => chosen.has(module)), unmatched };
}

function compileWords(words: readonly string[]): (module: KernelModule) => boolean {
  const isPattern = (word: string) => /[/*?]/.test(word);
  const matches = compileGlobs(words.filter(isPattern));
  const names = new Set(words.filter((word) => !isPattern(word)).map(moduleName));
  return ({ path, info }) => names.has(info.name) || matches(path.replace(/^kernel\//, ''));
}
