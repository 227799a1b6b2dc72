import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLogTail } from './console-log.ts';
import { findKernelPanic } from './kernel-panic.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const log = () => join(folder.path, 'console.log');

async function reasonIn(text: string): Promise<string | undefined> {
  await writeFile(log(), text);
  return reasonFrom(log());
}

async function reasonFrom(path: string, from = 0): Promise<string | undefined> {
  return findKernelPanic((await readLogTail(path, from)).text);
}

const PANIC = `[    2.021621] List of all bdev filesystems:\r
[    2.022064] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r
[    2.022719] Hardware name: QEMU\r
`;

describe('findKernelPanic', () => {
  it('has the reason of a kernel that gave up, whatever it said before', async () => {
    const reason = 'VFS: Unable to mount root fs on unknown-block(0,0)';
    expect(await reasonIn(PANIC)).toBe(reason);
    expect(await reasonIn(`${'line\n'.repeat(200_000)}${PANIC}`)).toBe(reason);
  });

  it('looks at all of a log that was cut since the last look', async () => {
    await reasonIn(PANIC);
    expect(await reasonFrom(log(), 1 << 20)).toBeDefined();
    expect(await reasonFrom(log(), PANIC.length)).toBe(undefined);
  });

  it('finds none in other words, and none where nothing was said', async () => {
    expect(await reasonIn('(orlop) root:~# echo Kernel panic - not syncing: no\n')).toBe(undefined);
    expect(await reasonIn('')).toBe(undefined);
    expect(await reasonFrom(join(folder.path, 'none'))).toBe(undefined);
  });
});
