import { readFile } from 'node:fs/promises';
import type { Architecture } from '@orlop/core';
import {
  findFirmware,
  findProgram,
  findVirtiofsd,
  qemuImgProgram,
  qemuPrograms,
  runTool,
  shareLack,
  zstdProgram,
} from '@orlop/vm';
import { type Finding, missing, noteFrom } from './doctor-finding.ts';

/** A large tree of dependencies has as many. */
const ENOUGH_FILES = 250_000;

/** The tools beside QEMU: what each is for, and whether nothing works without it. */
export const tools = [
  { name: 'apt-get', use: 'finds Debian packages for components', debianPackage: 'apt', needed: true },
  { name: 'dpkg-deb', use: 'unpacks Debian packages', debianPackage: 'dpkg', needed: true },
  { name: 'xz', use: 'unpacks kernel modules', debianPackage: 'xz-utils', needed: true },
  {
    name: qemuImgProgram.name,
    use: 'makes disks for --disk',
    debianPackage: qemuImgProgram.debianPackage,
    needed: false,
  },
  {
    name: zstdProgram.name,
    use: 'suspends engines',
    debianPackage: zstdProgram.debianPackage,
    needed: false,
  },
] as const;

export async function qemuFinding(
  arch: Architecture,
  { searchPath, needed }: { searchPath: string; needed: boolean },
): Promise<Finding> {
  const { name, debianPackage } = qemuPrograms[arch];
  const path = await findProgram(name, searchPath);
  if (path === undefined) return missing(name, { detail: `for ${arch} machines`, debianPackage, needed });
  const { stdout, status } = await runTool(path, ['--version'], { timeoutMs: 10_000 });
  const version = /version (\S+)/.exec(stdout)?.[1];
  if (status !== 0 || version === undefined) {
    return {
      name,
      status: needed ? 'fail' : 'note',
      detail: `${path} does not run`,
      hint: `try it: ${path} --version`,
    };
  }
  return { name, status: 'ok', detail: `${version} at ${path}` };
}

export async function firmwareFinding(arch: Architecture, folders?: readonly string[]): Promise<Finding> {
  const name = `uefi firmware ${arch}`;
  try {
    return { name, status: 'ok', detail: (await findFirmware(arch, folders)).codePath };
  } catch (error) {
    return noteFrom(name, error);
  }
}

export async function toolFinding(tool: (typeof tools)[number], searchPath: string): Promise<Finding> {
  const path = await findProgram(tool.name, searchPath);
  return path === undefined
    ? missing(tool.name, { detail: tool.use, debianPackage: tool.debianPackage, needed: tool.needed })
    : { name: tool.name, status: 'ok', detail: path };
}

export async function virtiofsdFinding({
  searchPath,
  proc,
  paths,
}: {
  readonly searchPath: string;
  readonly proc: string;
  readonly paths: readonly string[] | undefined;
}): Promise<Finding> {
  try {
    const detail = await findVirtiofsd(searchPath, paths);
    const lack = await shareLack(searchPath);
    if (lack !== undefined)
      return { name: 'virtiofsd', status: 'note', detail: `${detail}; folders cannot be shared`, hint: lack };
    const limits = await readFile(`${proc}/self/limits`, 'utf8').catch(() => '');
    return { name: 'virtiofsd', ...judgeOpenFiles(detail, limits) };
  } catch (error) {
    return noteFrom('virtiofsd', error);
  }
}

/** Debian 12's server holds one open file for each that the machine remembers, and cannot go beyond the hard limit. */
export function judgeOpenFiles(program: string, limits: string): Omit<Finding, 'name'> {
  const hard = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (hard >= ENOUGH_FILES) return { status: 'ok', detail: program };
  return {
    status: 'note',
    detail: `${program}; a share of more than ${hard} files may end in "too many open files"`,
    hint: 'raise the hard limit of open files: LimitNOFILE of the systemd unit, or /etc/security/limits.conf',
  };
}

/** Whether apt knows any source of packages; the mirror itself is not asked. */
export async function aptFinding(searchPath: string): Promise<Finding> {
  const path = await findProgram('apt-get', searchPath);
  if (path === undefined)
    return missing('apt sources', { detail: 'apt is not there', debianPackage: 'apt', needed: true });
  const { stdout, stderr, status } = await runTool(path, ['indextargets', '--format', '$(SITE)$(SUITE)'], {
    timeoutMs: 20_000,
  });
  if (status !== 0) {
    const detail = `${path} ended with status ${status}: ${stderr.trim().split('\n')[0]}`;
    return { name: 'apt sources', status: 'fail', detail, hint: 'see what `apt-get update` says' };
  }
  const suites = new Set(stdout.split('\n').filter((line) => line !== ''));
  if (suites.size > 0) return { name: 'apt sources', status: 'ok', detail: `${suites.size} configured` };
  return {
    name: 'apt sources',
    status: 'fail',
    detail: 'none is configured',
    hint: 'components come from a Debian mirror: add one to /etc/apt/sources.list.d',
  };
}
