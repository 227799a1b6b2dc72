import { access, constants, readFile, statfs } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { ARCHITECTURES, type Architecture, OrlopError, parseArchitecture } from '@orlop/core';
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
import type { CommandContext } from '../context.ts';
import { makeHome } from '../make-home.ts';
import { formatBytes } from '../progress.ts';
import { systemFailure } from '../system-error.ts';
import { findDaemon } from './engine-daemon.ts';
import { formatShareEvents } from './engine-report.ts';
import { Machines } from './run-machines.ts';

/** One thing that was looked at. A `note` hinders only those who need that very thing. */
export interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'note' | 'fail';
  readonly detail: string;
  readonly hint?: string;
}

/** An engine's image, its store and one machine's disk fit into this. */
const COMFORTABLE_BYTES = 5e9;
const TIGHT_BYTES = 1e9;
/** A large tree of dependencies has as many. */
const ENOUGH_FILES = 250_000;

const LOOPBACK_TIMEOUT_MS = 3000;
/** Of package.json's `engines`. */
const OLDEST_NODE = [20, 19] as const;

/** Where the host says what it is; others than the usual ones in tests. */
export interface HostPlaces {
  /** @default `/proc` */
  readonly proc?: string;
  /** @default where QEMU's own tools look */
  readonly firmwareFolders?: readonly string[];
  /** @default where distributions put it */
  readonly virtiofsdPaths?: readonly string[];
}

/** The tools beside QEMU: what each is for, and whether nothing works without it. */
const tools = [
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

/** Looks at everything in turn, quickly; nothing is changed but the cache of the probe. */
export async function examineHost(
  context: CommandContext,
  { refresh, proc = '/proc', firmwareFolders, virtiofsdPaths }: HostPlaces & { readonly refresh: boolean },
): Promise<Finding[]> {
  const own = parseArchitecture(process.arch);
  const searchPath = context.env['PATH'] ?? '';
  const findings: Finding[] = [judgeNode(process.version)];
  for (const arch of ARCHITECTURES)
    findings.push(await qemuFinding(arch, { searchPath, needed: arch === own }));
  if (own !== undefined) findings.push(await acceleratorFinding(context, { arch: own, refresh }));
  for (const arch of ARCHITECTURES) findings.push(await firmwareFinding(arch, firmwareFolders));
  for (const tool of tools) findings.push(await toolFinding(tool, searchPath));
  findings.push(await virtiofsdFinding({ searchPath, proc, paths: virtiofsdPaths }));
  findings.push(await aptFinding(searchPath));
  findings.push(await diskFinding(context.paths.home));
  findings.push(await memoryFinding(proc));
  findings.push(await portFinding(proc));
  findings.push(...(await shareEventsFindings(context)));
  return findings;
}

/** Of engines that run, how their containers hear of what the host does; no daemon is started for it. */
async function shareEventsFindings(context: CommandContext): Promise<Finding[]> {
  const client = await findDaemon(context);
  const engines = (await client?.status().catch(() => undefined))?.engines ?? [];
  return engines.flatMap(({ name, shareEvents }): Finding[] => {
    if (shareEvents === undefined) return [];
    const finding = { name: 'events', detail: `${name}: ${formatShareEvents(shareEvents)}` };
    if (shareEvents.kind === 'kernel') return [{ ...finding, status: 'ok' }];
    const hint = "the engine's own image has a kernel with the module: orlop restart";
    return [{ ...finding, status: 'note', hint }];
  });
}

export function judgeNode(version: string): Finding {
  const detail = `${version} on ${process.platform} ${process.arch}`;
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor))
    return { name: 'node', status: 'ok', detail };
  const hint = `Orlop is made for Node ${OLDEST_NODE.join('.')} and later`;
  return { name: 'node', status: 'fail', detail, hint };
}

async function qemuFinding(
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

async function acceleratorFinding(
  context: CommandContext,
  { arch, refresh }: { arch: Architecture; refresh: boolean },
): Promise<Finding> {
  const look = async () => {
    makeHome(context.paths.home, 'ORLOP_HOME'); // what is found is kept there
    return new Machines(context).chooseAccelerator('auto', { arch, refresh });
  };
  const choice = await look().catch((error: unknown) =>
    error instanceof OrlopError ? error : (systemFailure(error) ?? Promise.reject(error)),
  );
  if (choice instanceof OrlopError) return noteFrom('accelerator', choice);
  const cached = choice.reports.some((report) => report.cached)
    ? ' (found earlier; --refresh looks again)'
    : '';
  const detail = `${choice.accelerator}: ${choice.reason}${cached}`;
  if (choice.accelerator !== 'tcg') return { name: 'accelerator', status: 'ok', detail };
  return {
    name: 'accelerator',
    status: 'note',
    detail,
    hint: 'machines run in emulation: correctly, and several times slower',
  };
}

async function firmwareFinding(arch: Architecture, folders?: readonly string[]): Promise<Finding> {
  const name = `uefi firmware ${arch}`;
  try {
    return { name, status: 'ok', detail: (await findFirmware(arch, folders)).codePath };
  } catch (error) {
    return noteFrom(name, error);
  }
}

async function toolFinding(tool: (typeof tools)[number], searchPath: string): Promise<Finding> {
  const path = await findProgram(tool.name, searchPath);
  return path === undefined
    ? missing(tool.name, { detail: tool.use, debianPackage: tool.debianPackage, needed: tool.needed })
    : { name: tool.name, status: 'ok', detail: path };
}

async function virtiofsdFinding({
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
async function aptFinding(searchPath: string): Promise<Finding> {
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

async function diskFinding(home: string): Promise<Finding> {
  try {
    makeHome(home, 'ORLOP_HOME');
    await access(home, constants.W_OK);
  } catch {
    return {
      name: 'disk space',
      status: 'fail',
      detail: `this user cannot write to ${home}`,
      hint: 'set ORLOP_HOME to a folder of yours',
    };
  }
  const { bavail, bsize } = await statfs(home);
  return judgeRoom(home, bavail * bsize);
}

export function judgeRoom(home: string, free: number): Finding {
  const detail = `${formatBytes(free)} free in ${home}`;
  if (free >= COMFORTABLE_BYTES) return { name: 'disk space', status: 'ok', detail };
  return {
    name: 'disk space',
    status: free < TIGHT_BYTES ? 'fail' : 'note',
    detail,
    hint: 'set ORLOP_HOME to a folder with more room, or run `orlop cache clean`',
  };
}

/** `MemAvailable` of proc_meminfo(5), where there is one, and what a control group leaves of it. */
async function memoryFinding(proc: string): Promise<Finding> {
  const text = await readFile(`${proc}/meminfo`, 'utf8').catch(() => '');
  const kib = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1];
  if (kib === undefined)
    return { name: 'memory', status: 'note', detail: 'this host does not say how much is free' };
  const allowed = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return judgeMemory(Number(kib) * 1024, allowed);
}

export function judgeMemory(available: number, allowed: number): Finding {
  const free = Math.min(available, allowed);
  const isLimited = allowed < available;
  const detail = isLimited
    ? `${formatBytes(free)} by the limit of this control group`
    : `${formatBytes(free)} available`;
  if (free >= 1.5e9) return { name: 'memory', status: 'ok', detail };
  return { name: 'memory', status: 'note', detail, hint: 'a machine takes 1 GB unless --mem says otherwise' };
}

/** Whether programs may talk over loopback at all, and from which port on without privileges. */
async function portFinding(proc: string): Promise<Finding> {
  const startPath = `${proc}/sys/net/ipv4/ip_unprivileged_port_start`;
  const lowest = await readFile(startPath, 'utf8').catch(() => '1024');
  const failure = await new Promise<Error | undefined>((resolve) => {
    const server = createServer((client) => client.destroy());
    const done = (error?: Error) => server.close(() => resolve(error));
    server.once('error', resolve);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const { port } = server.address() as AddressInfo;
      const client = connect({ host: '127.0.0.1', port, timeout: LOOPBACK_TIMEOUT_MS });
      client.once('connect', () => done());
      client.once('timeout', () => client.destroy(new Error('no answer')));
      client.on('error', done);
    });
  });
  if (failure !== undefined)
    return {
      name: 'ports',
      status: 'fail',
      detail: `no program can be reached on loopback: ${failure.message}`,
      hint: 'ip link set lo up',
    };
  const root = process.getuid?.() === 0;
  return {
    name: 'ports',
    status: 'ok',
    detail: `loopback, ${root ? 'all of them' : `from ${lowest.trim()} on`}`,
  };
}

function missing(
  name: string,
  { detail, debianPackage, needed }: { detail: string; debianPackage: string; needed: boolean },
): Finding {
  return {
    name,
    status: needed ? 'fail' : 'note',
    detail: `not installed (${detail})`,
    hint: `on Debian: apt-get install ${debianPackage}`,
  };
}

function noteFrom(name: string, error: unknown): Finding {
  if (!(error instanceof OrlopError)) throw error;
  return {
    name,
    status: 'note',
    detail: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
