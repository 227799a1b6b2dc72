import { access, constants, readFile, statfs } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { ARCHITECTURES, type Architecture, OrlopError, parseArchitecture } from '@orlop/core';
import type { CommandContext } from '../context.ts';
import { makeHome } from '../make-home.ts';
import { formatBytes } from '../progress.ts';
import { systemFailure } from '../system-error.ts';
import { type Finding, noteFrom } from './doctor-finding.ts';
import {
  aptFinding,
  firmwareFinding,
  qemuFinding,
  toolFinding,
  tools,
  virtiofsdFinding,
} from './doctor-programs.ts';
import { storeFindings } from './doctor-store.ts';
import { findDaemon } from './engine-daemon.ts';
import { formatShareEvents } from './engine-report.ts';
import { Machines } from './run-machines.ts';

/** An engine's image, its store and one machine's disk fit into this. */
const COMFORTABLE_BYTES = 5e9;
const TIGHT_BYTES = 1e9;

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
  findings.push(...(await storeFindings(context)));
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
