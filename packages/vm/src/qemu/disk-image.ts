import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { vmError } from '../errors.ts';
import { requireProgram } from '../find-program.ts';
import type { Disk } from '../machine-spec.ts';
import { runTool } from '../run-tool.ts';
import { qemuImgProgram } from './programs.ts';

/**
 * Makes a disk's file with `qemu-img` when there is none yet: whole or not at all.
 * @throws OrlopError `vm.disk-failed`, `vm.tool-missing`, `vm.cancelled`
 */
export async function ensureDisk(
  disk: Disk,
  { searchPath, signal }: { searchPath: string; signal?: AbortSignal },
): Promise<void> {
  if (await exists(disk.path)) return;
  if (disk.sizeBytes === undefined) {
    throw vmError('vm.no-disk', `there is no disk "${disk.path}", and no size to make one`, {
      hint: 'say how large it shall be: --disk PATH,size=1G',
    });
  }
  const program = await requireProgram(qemuImgProgram.name, {
    searchPath,
    debianPackage: qemuImgProgram.debianPackage,
  });
  await mkdir(dirname(disk.path), { recursive: true, mode: 0o700 });
  const temporary = `${disk.path}.${randomUUID()}.tmp`;
  try {
    const { status, stderr } = await runTool(
      program,
      ['create', '-q', '-f', disk.format, '--', temporary, String(disk.sizeBytes)],
      signal === undefined ? {} : { signal },
    );
    if (status !== 0) {
      throw vmError('vm.disk-failed', `qemu-img could not make "${disk.path}": ${stderr.trim()}`);
    }
    await rename(temporary, disk.path);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
