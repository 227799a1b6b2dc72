import type { Architecture } from './machine-spec.ts';

const names: Readonly<Record<string, Architecture>> = {
  amd64: 'amd64',
  x64: 'amd64',
  x86_64: 'amd64',
  arm64: 'arm64',
  aarch64: 'arm64',
  riscv64: 'riscv64',
};

/** Reads an architecture by any of the names that Docker, the kernel and Node have for it. */
export function parseArchitecture(name: string): Architecture | undefined {
  return Object.hasOwn(names, name) ? names[name] : undefined;
}
