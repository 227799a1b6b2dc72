import { randomFillSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { silentLogger } from '@orlop/core';
import { type TemporaryFolder, temporaryFolder, tinyGuestDisk } from '@orlop/testkit';
import type { MachineSpec } from '../machine-spec.ts';
import { QemuDriver } from '../qemu/driver.ts';

export interface Fixture {
  readonly driver: QemuDriver;
  readonly root: TemporaryFolder;
  /** A machine that boots the tiny guest. */
  readonly spec: MachineSpec;
  /** A fresh folder for a machine; what lives in it when the test ends is killed by {@link end}. */
  folder(name: string): string;
  end(): Promise<void>;
}

export const systemClock = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };

/** Real QEMU, real files, in a folder of the test's own. */
export async function createFixture(): Promise<Fixture> {
  const root = await temporaryFolder('vm');
  const path = join(root.path, 'tiny.img');
  await writeFile(path, tinyGuestDisk());
  const driver = new QemuDriver({
    clock: systemClock,
    random: { fill: (into) => void randomFillSync(into), u32: () => 0 },
    logger: silentLogger,
    searchPath: process.env['PATH'] ?? '',
  });
  const folders: string[] = [];
  return {
    driver,
    root,
    spec: {
      name: 'tiny',
      arch: 'amd64',
      cpus: 1,
      memoryMiB: 16,
      boot: { kind: 'disk', path, format: 'raw' },
      disks: [],
      cdroms: [],
      networks: [],
      channels: [],
      shares: [],
    },
    folder: (name) => {
      const folder = join(root.path, name);
      folders.push(folder);
      return folder;
    },
    end: async () => {
      for (const folder of folders) {
        const machine = await driver.open(folder).catch(() => undefined);
        const state = await machine?.state();
        if (state?.kind === 'running') await machine?.kill();
      }
      await root.remove();
    },
  };
}

/** Reads a stream until it has said a text; returns all that it said. */
export function readUntil(stream: Duplex, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const onData = (piece: Buffer) => {
      said += piece.toString('latin1');
      if (said.includes(text)) settle(() => resolve(said));
    };
    const onClose = () => settle(() => reject(new Error(`closed after ${JSON.stringify(said)}`)));
    const settle = (action: () => void) => {
      stream.off('data', onData);
      stream.off('close', onClose);
      action();
    };
    stream.on('data', onData);
    stream.once('close', onClose);
  });
}
