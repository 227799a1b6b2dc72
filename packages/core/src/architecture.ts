/** Architectures that components and machines are for; Debian, Docker and OCI name them alike. */
export const ARCHITECTURES = ['amd64', 'arm64', 'riscv64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

const BY_NAME: Readonly<Record<string, Architecture>> = {
  amd64: 'amd64',
  x64: 'amd64',
  x86_64: 'amd64',
  arm64: 'arm64',
  aarch64: 'arm64',
  riscv64: 'riscv64',
};

/** Reads an architecture by any of the names that Docker, the kernel and Node have for it. */
export function parseArchitecture(name: string): Architecture | undefined {
  return Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
}
