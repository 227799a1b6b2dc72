import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { debianError } from '../errors.ts';
import { runTool, streamTool, type ToolResult } from '../tool.ts';
import type { UnpackedPrograms } from '../unpacked-programs.ts';
import { COMMON_FLAGS, type ModuleTarget } from './module-flags.ts';
import type { ShippedModule } from './module-store.ts';
import { parseSymbolVersions, undefinedSymbols, versionsSection } from './module-versions.ts';

export interface ModuleBuild {
  /** One C file, absolute; its name is the module's. */
  readonly source: string;
  /** `uname -r` of the kernel. */
  readonly version: string;
  readonly target: ModuleTarget;
  /** Where the packages of the kernel's headers are unpacked as `headers`, and what is made meanwhile is written. */
  readonly folder: string;
  readonly compiler: UnpackedPrograms;
  readonly compilerVersion: string;
  /** The compiler is one for another architecture than the one that it runs on. */
  readonly isCross: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The package of headers that all kernels of one version share. */
export function commonHeaders(version: string): string {
  return `linux-headers-${version.replace(/-(cloud-)?[a-z0-9]+$/, '')}-common`;
}

/** Major version of the GCC that a kernel was built with, by its configuration. */
export async function kernelCompiler(folder: string, version: string): Promise<string> {
  const configuration = await readFile(join(folder, headers(version), '.config'), 'utf8');
  const found = /^CONFIG_CC_VERSION_TEXT=".*-gcc-(\d+) /m.exec(configuration)?.[1];
  if (found !== undefined) return found;
  throw debianError(
    'debian.module-failed',
    `the configuration of Linux ${version} does not name its compiler`,
  );
}

/**
 * Compiles a module as Linux' own build would, without it: one C file is compiled together with what makes it a module,
 * and linked with the checksums of the symbols that it turns out to need. Compressed as Debian's modules are.
 *
 * @throws OrlopError `debian.module-failed` with the compiler's words
 */
export async function buildModule(build: ModuleBuild): Promise<ShippedModule> {
  const { source, target, folder, signal, version } = build;
  const name = basename(source, '.c');
  const file = (suffix: string) => join(folder, `${name}${suffix}`);
  const run = async (program: string, args: readonly string[]) => {
    const [command = '', ...words] = build.compiler(program);
    // Names of files get into messages and so into the module: all are relative to this folder.
    const result = await runTool(command, [...words, ...args], { cwd: folder, signal });
    if (result.status !== 0) throw moduleFailed(build, result);
  };
  await writeFile(file('.c'), await readFile(source));
  await writeFile(file('.mod.c'), moduleSource(name));
  const cc1 = compilerProgram(build);
  await run(cc1, [...compilerArguments(build, name), `${name}.mod.c`, '-o', `${name}.s`]);
  await writeFile(file('.s'), withReturnSites(await readFile(file('.s'), 'utf8')));
  const assemble = (part: string) =>
    run(`usr/bin/${target.triplet}-as`, [...target.assemblerFlags, '-o', `${part}.o`, `${part}.s`]);
  await assemble(name);
  const symbols = undefinedSymbols(await readFile(file('.o')));
  const exported = await readFile(join(folder, headers(version), 'Module.symvers'), 'utf8');
  const { assembly, missing } = versionsSection(symbols, parseSymbolVersions(exported));
  if (missing.length > 0) {
    throw debianError(
      'debian.module-failed',
      `Linux ${version} does not export ${missing.join(', ')} to ${source}`,
    );
  }
  await writeFile(file('.versions.s'), assembly);
  await assemble(`${name}.versions`);
  // Debian puts it there, for its headers have scripts of no architecture.
  const script = `${headers(version)}/arch/${target.folder}/module.lds`;
  const linked = ['-T', script, '-o', `${name}.ko`, `${name}.o`, `${name}.versions.o`];
  await run(`usr/bin/${target.triplet}-ld`, [...target.linkerFlags, '-r', '-z', 'noexecstack', ...linked]);
  const packed: Uint8Array[] = [];
  const words = ['--stdout', '--check=crc32', file('.ko')];
  for await (const chunk of streamTool('xz', words, { signal })) packed.push(chunk);
  return { path: `extra/${name}.ko.xz`, bytes: Buffer.concat(packed) };
}

/**
 * Adds to an assembly for x86 the table of its returns, which objtool writes for Linux' own build (`.return_sites`): the
 * loader puts there what the processor needs, and the kernel warns of a return that was left as it was compiled.
 */
export function withReturnSites(assembly: string): string {
  let count = 0;
  return assembly.replace(/^\tjmp\t__x86_return_thunk$/gm, (jump) => {
    const label = `.Lreturn${count++}`;
    return `${label}:\n${jump}\n\t.pushsection .return_sites, "a"\n\t.long ${label} - .\n\t.popsection`;
  });
}

/** Where Debian's packages have the compiler itself: a cross compiler elsewhere than the machine's own. */
function compilerProgram({ target, compilerVersion, isCross }: ModuleBuild): string {
  return `usr/libexec/${isCross ? 'gcc-cross' : 'gcc'}/${target.triplet}/${compilerVersion}/cc1`;
}

function headers(version: string): string {
  return `headers/usr/src/linux-headers-${version}`;
}

/** What Linux' build adds to a module (scripts/mod/modpost.c), as far as the loader reads it. */
function moduleSource(name: string): string {
  return `#define INCLUDE_VERMAGIC
#include "${name}.c"
#include <linux/vermagic.h>
MODULE_INFO(vermagic, VERMAGIC_STRING);
MODULE_INFO(name, KBUILD_MODNAME);
MODULE_INFO(depends, "");
#ifdef CONFIG_MITIGATION_RETPOLINE
MODULE_INFO(retpoline, "Y");
#endif
__visible struct module __this_module __section(".gnu.linkonce.this_module") = {
	.name = KBUILD_MODNAME,
	.init = init_module,
	.exit = cleanup_module,
	.arch = MODULE_ARCH_INIT,
};
`;
}

function compilerArguments({ target, version }: ModuleBuild, name: string): readonly string[] {
  const own = headers(version);
  const common = `headers/usr/src/${commonHeaders(version)}`;
  const arch = `arch/${target.folder}/include`;
  const folders = [
    `${common}/${arch}`,
    `${own}/${arch}/generated`,
    `${common}/include`,
    `${own}/include`,
    `${common}/${arch}/uapi`,
    `${own}/${arch}/generated/uapi`,
    `${common}/include/uapi`,
    `${own}/include/generated/uapi`,
  ];
  const first = ['compiler-version.h', 'kconfig.h', 'compiler_types.h'];
  return [
    ...COMMON_FLAGS,
    ...target.compilerFlags,
    ...folders.flatMap((one) => ['-I', one]),
    ...first.flatMap((one) => ['-include', `${common}/include/linux/${one}`]),
    `-DKBUILD_BASENAME="${name}"`,
    `-DKBUILD_MODNAME="${name}"`,
    `-DKBUILD_MODFILE="extra/${name}"`,
    `-D__KBUILD_MODNAME=kmod_${name}`,
  ];
}

function moduleFailed({ source, version }: ModuleBuild, { status, stderr }: ToolResult) {
  const said = stderr
    .split('\n')
    .filter((line) => /error|warning/.test(line))
    .slice(0, 5);
  const words = said.length === 0 ? `status ${status} ${stderr.trim().slice(-300)}` : said.join('; ');
  return debianError('debian.module-failed', `${source} cannot be compiled for Linux ${version}: ${words}`);
}
