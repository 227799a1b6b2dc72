/** What a module for one architecture is compiled with. */
export interface ModuleTarget {
  /** Of the compiler's programs and packages. */
  readonly triplet: string;
  /** Folder of the architecture in the kernel's tree. */
  readonly folder: string;
  readonly compilerFlags: readonly string[];
  readonly assemblerFlags: readonly string[];
  readonly linkerFlags: readonly string[];
}

/**
 * By Linux' Makefile and `arch/FOLDER/Makefile` for what Debian's configurations choose: the same calling conventions and
 * mitigations as the kernel itself. Tracing is left out, which adds no-operations and tables to a module and no more.
 */
export const MODULE_TARGETS: ReadonlyMap<string, ModuleTarget> = new Map([
  [
    'amd64',
    {
      triplet: 'x86_64-linux-gnu',
      folder: 'x86',
      compilerFlags: [
        ...['-m64', '-mno-red-zone', '-mcmodel=kernel', '-fno-pic', '-mtune=generic', '-mskip-rax-setup'],
        ...[
          '-mno-sse',
          '-mno-mmx',
          '-mno-sse2',
          '-mno-3dnow',
          '-mno-avx',
          '-mno-80387',
          '-mno-fp-ret-in-387',
        ],
        ...['-mpreferred-stack-boundary=3', '-fcf-protection=branch', '-fno-jump-tables', '-mharden-sls=all'],
        ...['-mindirect-branch=thunk-extern', '-mindirect-branch-register', '-mindirect-branch-cs-prefix'],
        ...['-mfunction-return=thunk-extern', '-fpatchable-function-entry=16,16', '-fstack-protector-strong'],
      ],
      assemblerFlags: ['--64'],
      linkerFlags: ['-m', 'elf_x86_64'],
    },
  ],
  [
    'arm64',
    {
      triplet: 'aarch64-linux-gnu',
      folder: 'arm64',
      compilerFlags: [
        ...['-mlittle-endian', '-mgeneral-regs-only', '-mabi=lp64', '-fno-pic', '-ffixed-x18'],
        ...['-mbranch-protection=pac-ret+bti', '-fno-stack-protector', '-mno-outline-atomics'],
        '-DKASAN_SHADOW_SCALE_SHIFT=',
      ],
      assemblerFlags: ['-EL'],
      linkerFlags: ['-EL', '-m', 'aarch64elf'],
    },
  ],
]);

/** Of Linux' Makefile, for every architecture. */
export const COMMON_FLAGS = [
  ...[
    '-quiet',
    '-nostdinc',
    '-std=gnu11',
    '-O2',
    '-fshort-wchar',
    '-funsigned-char',
    '-fno-common',
    '-fno-PIE',
  ],
  ...['-fno-strict-aliasing', '-fno-delete-null-pointer-checks', '-fno-allow-store-data-races'],
  ...['-fno-strict-overflow', '-fno-stack-check', '-fno-stack-clash-protection', '-fconserve-stack'],
  ...['-ftrivial-auto-var-init=zero', '-fomit-frame-pointer', '-fno-asynchronous-unwind-tables'],
  ...['-Wall', '-Werror', '-Wno-attributes', '-D__KERNEL__', '-DMODULE'],
] as const;
