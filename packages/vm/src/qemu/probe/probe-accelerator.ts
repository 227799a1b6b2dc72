import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { release, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Architecture, Clock } from '@orlop/core';
import { vmError } from '../../errors.ts';
import { findProgram } from '../../find-program.ts';
import type { AcceleratorName } from '../../machine.ts';
import { replaceFile } from '../../machine-folder.ts';
import { runTool, type ToolResult } from '../../run-tool.ts';
import { firstWords } from '../driver-log.ts';
import { qemuPrograms } from '../programs.ts';
import { type ProbeGuest, probeGuests } from './guests.ts';

/** What was found out about one accelerator for one architecture. */
export interface AcceleratorReport {
  readonly accelerator: AcceleratorName;
  readonly arch: Architecture;
  readonly usable: boolean;
  /** One sentence for a person. */
  readonly reason: string;
  /** Absent when nothing was run. */
  readonly durationMs?: number;
  /** The result of an earlier probe of the same QEMU, kernel and device. */
  readonly cached: boolean;
}

export interface ProbeOptions {
  readonly arch: Architecture;
  /** The architecture of this host: only its own can be accelerated. */
  readonly hostArch: Architecture | undefined;
  readonly hostPlatform: NodeJS.Platform;
  readonly searchPath: string;
  /** Where results are kept (0700); one file for each accelerator and architecture. */
  readonly cacheFolder: string;
  readonly clock: Clock;
  /** Looks again whatever the cache says. @default false */
  readonly refresh?: boolean;
  readonly signal?: AbortSignal;
}

/** The guest needs 0.05 s under TCG; a host that is busy or nested deeply gets a hundred times that. */
const PROBE_TIMEOUT_MS = 5000;
const KVM_DEVICE = '/dev/kvm';

/** The fastest accelerator that works, with what was found about each that was looked at. */
export interface AcceleratorChoice {
  readonly accelerator: AcceleratorName;
  readonly reason: string;
  readonly reports: readonly AcceleratorReport[];
}

/**
 * Takes the first of `wanted` that works; TCG always does.
 * @throws OrlopError `vm.accelerator-unusable` when none does
 */
export async function chooseAccelerator(
  wanted: readonly AcceleratorName[] | 'auto',
  options: ProbeOptions,
): Promise<AcceleratorChoice> {
  const native: AcceleratorName = options.hostPlatform === 'darwin' ? 'hvf' : 'kvm';
  const candidates = wanted === 'auto' ? [native, 'tcg' as const] : wanted;
  const reports: AcceleratorReport[] = [];
  for (const accelerator of candidates) {
    if (accelerator === 'tcg') {
      const [refused] = reports;
      const reason =
        refused === undefined ? 'asked for' : `${refused.accelerator} cannot be used: ${refused.reason}`;
      return { accelerator, reason, reports };
    }
    const report = await probeAccelerator(accelerator, options);
    reports.push(report);
    if (report.usable) return { accelerator, reason: report.reason, reports };
  }
  throw vmError('vm.accelerator-unusable', `no accelerator of "${candidates.join(':')}" works here`, {
    problems: reports.map((report) => ({ message: `${report.accelerator}: ${report.reason}` })),
    hint: '--accel tcg works everywhere, more slowly',
  });
}

/** Starts a tiny guest under the accelerator and listens whether it says all that it should. */
export async function probeAccelerator(
  accelerator: AcceleratorName,
  options: ProbeOptions,
): Promise<AcceleratorReport> {
  const { arch } = options;
  const refused = await findObstacle(accelerator, options);
  if (refused !== undefined) return { accelerator, arch, usable: false, reason: refused, cached: false };
  const program = await findProgram(qemuPrograms[arch].name, options.searchPath);
  if (program === undefined) {
    return {
      accelerator,
      arch,
      usable: false,
      reason: `${qemuPrograms[arch].name} is not installed`,
      cached: false,
    };
  }
  const cachePath = join(options.cacheFolder, `${accelerator}-${arch}.json`);
  const key = await fingerprint(program);
  const known = options.refresh === true ? undefined : await readCache(cachePath, key);
  if (known !== undefined) return { ...known, cached: true };
  const report = await runProbe(accelerator, program, options);
  await mkdir(options.cacheFolder, { recursive: true, mode: 0o700 });
  await replaceFile(cachePath, `${JSON.stringify({ key, report }, undefined, 2)}\n`);
  return report;
}

/** What can be told without a guest; cheap, and curable by the user, so it is never kept. */
async function findObstacle(
  accelerator: AcceleratorName,
  { arch, hostArch, hostPlatform }: ProbeOptions,
): Promise<string | undefined> {
  if (accelerator === 'tcg') return undefined;
  if (arch !== hostArch) return `this host is ${hostArch ?? 'of another kind'}, the machine ${arch}`;
  if (accelerator === 'hvf') return hostPlatform === 'darwin' ? undefined : 'HVF is a part of macOS';
  if (hostPlatform !== 'linux') return 'KVM is a part of Linux';
  const failure = await access(KVM_DEVICE, constants.R_OK | constants.W_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (failure === undefined) return undefined;
  if (failure === 'ENOENT')
    return `there is no ${KVM_DEVICE}: no KVM module, or no virtualization in the firmware`;
  return `${KVM_DEVICE} may not be opened (${failure}): add yourself to its group, on Debian: adduser ${userInfo().username} kvm`;
}

async function runProbe(
  accelerator: AcceleratorName,
  program: string,
  { arch, clock, signal }: ProbeOptions,
): Promise<AcceleratorReport> {
  const guest = probeGuests[arch];
  const folder = await mkdtemp(join(tmpdir(), 'orlop-probe-'));
  const started = clock.monotonicMs();
  try {
    await writeFile(join(folder, 'guest'), guest.image);
    const result = await runTool(program, probeArguments(accelerator, guest, folder), {
      cwd: folder,
      timeoutMs: PROBE_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
      // It would stay paused until the time is over.
      enough: (stderr) => stderr.includes('KVM internal error'),
    });
    const said = await readFile(join(folder, 'said'), 'latin1').catch(() => '');
    const durationMs = Math.round(clock.monotonicMs() - started);
    return { accelerator, arch, ...judge(guest, said, result), durationMs, cached: false };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function probeArguments(accelerator: AcceleratorName, guest: ProbeGuest, folder: string): string[] {
  return [
    ...['-no-user-config', '-nodefaults', '-display', 'none', '-no-reboot'],
    ...[
      '-machine',
      guest.machine,
      '-accel',
      accelerator,
      '-cpu',
      accelerator === 'tcg' ? 'max' : 'host',
      '-m',
      '16M',
    ],
    ...['-chardev', 'file,id=said,path=said', '-serial', 'chardev:said'],
    ...guest.exitArguments,
    ...[guest.option, join(folder, 'guest')],
  ];
}

/** Reads what the guest said. */
export function judge(
  guest: ProbeGuest,
  said: string,
  result: ToolResult,
): { readonly usable: boolean; readonly reason: string } {
  const missing = guest.steps.find((step) => step.optional !== true && !said.includes(step.letter));
  if (missing === undefined && result.status === guest.exitStatus) {
    return { usable: true, reason: 'a test guest ran to its end' };
  }
  const words = firstWords(result.stderr);
  const because = words === '' ? '' : ` (${words})`;
  if (missing === undefined)
    return { usable: false, reason: `the test guest ran, but did not end${because}` };
  if (result.status === undefined && words === '') {
    return { usable: false, reason: `the test guest hangs before ${missing.proves}` };
  }
  return { usable: false, reason: `the test guest failed before ${missing.proves}${because}` };
}

/** Changes when QEMU, the kernel, the user or the device is another. */
async function fingerprint(program: string): Promise<string> {
  const device = await stat(KVM_DEVICE).catch(() => undefined);
  const qemu = await stat(program);
  const { stdout } = await runTool(program, ['--version'], { timeoutMs: PROBE_TIMEOUT_MS });
  const guests = createHash('sha256');
  for (const guest of Object.values(probeGuests)) guests.update(guest.image);
  const parts = [
    stdout.split('\n')[0],
    `${qemu.size} ${qemu.mtimeMs}`,
    release(),
    `${device?.rdev} ${device?.dev} ${device?.ino} ${device?.ctimeMs}`,
    userInfo().uid,
    guests.digest('hex'),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

async function readCache(path: string, key: string): Promise<AcceleratorReport | undefined> {
  try {
    const kept = JSON.parse(await readFile(path, 'utf8')) as { key?: string; report?: AcceleratorReport };
    return kept.key === key ? kept.report : undefined;
  } catch {
    return undefined;
  }
}
