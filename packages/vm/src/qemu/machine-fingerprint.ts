import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import type { MachineSpec } from '../machine-spec.ts';

/** How QEMU was started: the next start's must be the same for a saved state to go on. */
export interface Launch {
  readonly program: string;
  /** Without those that say whether it begins paused, or with a saved state. */
  readonly args: readonly string[];
}

/**
 * Changes when the state can no longer go on: another QEMU or processor, other arguments (memory, cards, disks), other
 * contents of what the guest has open.
 */
export async function fingerprintMachine(spec: MachineSpec, { program, args }: Launch): Promise<string> {
  const hash = createHash('sha256');
  const add = (value: unknown) => hash.update(`${JSON.stringify(value)}\n`);
  add(args);
  add(spec.shares);
  add(await identityOf(await realpath(program)));
  add(await processorFlags());
  for (const path of filesOf(spec)) add(await identityOf(path));
  for (const { path } of spec.firmwareFiles ?? [])
    add(
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    );
  return hash.digest('hex');
}

function filesOf({ boot, disks, cdroms }: MachineSpec): string[] {
  const booted = boot.kind === 'kernel' ? [boot.kernelPath, boot.initrdPath, boot.rootPath] : [boot.path];
  return [...booted, ...disks.map((disk) => disk.path), ...cdroms].filter((path) => path !== undefined);
}

/** Another file under the same name, or one that was written to, is another. */
async function identityOf(path: string): Promise<unknown> {
  const found = await stat(path, { bigint: true });
  return [path, String(found.ino), String(found.size), String(found.mtimeNs)];
}

/** What `-cpu host` means here; under emulation it changes nothing, and is the same on the same host. */
async function processorFlags(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return /^(?:flags|Features)\s*:.*$/m.exec(text)?.[0] ?? '';
}
