import { setTimeout as sleep } from 'node:timers/promises';
import { OrlopError } from '@orlop/core';
import { vmError } from '../errors.ts';
import type { DriverDependencies } from '../machine.ts';
import type { MachineFolder } from '../machine-folder.ts';
import type { Share } from '../machine-spec.ts';
import { isReplaced, type ServerPlace, serverFullness } from './server-record.ts';
import { shareDevice, shareId, sharePort } from './share-arguments.ts';
import { findVirtiofsd, startVirtiofsd } from './virtiofsd.ts';

export interface SharePlugsOptions {
  readonly shares: readonly Share[];
  readonly folder: MachineFolder;
  readonly given: DriverDependencies;
  /** One command of QEMU's monitor. */
  readonly execute: (command: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>;
}

/** Where QEMU lists devices that have a name. */
const DEVICES = { path: '/machine/peripheral' };
const POLL_MS = 20;
/** Of the files that a server may have open. */
const CROWDED = 0.5;
/** QEMU lets go of a device's socket a moment after the device. */
const RELEASE_TIMEOUT_MS = 5000;

/** Takes virtiofs shares away from a machine that runs, and puts them back with a new server each. */
export class SharePlugs {
  readonly #options: SharePlugsOptions;

  constructor(options: SharePlugsOptions) {
    this.#options = options;
  }

  /** The folders of shares that nobody serves. */
  async lost(): Promise<string[]> {
    const { shares, execute } = this.#options;
    if (!shares.some(({ kind }) => kind === 'virtiofs')) return [];
    const sockets = connectedSockets(await execute('query-chardev'));
    const devices = await this.#devices();
    return shares.flatMap(({ kind, hostPath }, index) => {
      const id = shareId(index);
      const isServed = sockets.has(id) && (devices.has(id) || !devices.has(sharePort(index)));
      return kind === 'virtiofs' && !isServed ? [hostPath] : [];
    });
  }

  /** The folders of shares that are others by now than those that are served. */
  async replaced(): Promise<string[]> {
    return this.#those((hostPath, place) => isReplaced(hostPath, place));
  }

  /** The folders of shares whose server has half of the files open that it may, or more. */
  async crowded(): Promise<string[]> {
    return this.#those(async (_, place) => (await serverFullness(place)) >= CROWDED);
  }

  async #those(are: (hostPath: string, place: ServerPlace) => Promise<boolean>): Promise<string[]> {
    const { shares, folder } = this.#options;
    const served = shares.filter(({ kind }) => kind === 'virtiofs');
    const found = await Promise.all(
      served.map(({ hostPath }, index) => are(hostPath, { folder: folder.path, index })),
    );
    return served.filter((_, index) => found[index]).map(({ hostPath }) => hostPath);
  }

  /**
   * Has the guest let go of a share's device; harmless when it is not there. The server ends with it.
   * @throws OrlopError `vm.cancelled` when the guest has not done so before the signal; `vm.bad-spec`
   */
  async unplug(hostPath: string, signal: AbortSignal): Promise<void> {
    const { execute } = this.#options;
    const { index } = this.#find(hostPath);
    const id = shareId(index);
    const before = await this.#devices();
    if (!before.has(sharePort(index))) {
      throw vmError('vm.bad-spec', `the share "${hostPath}" is of a machine that an older Orlop started`, {
        hint: 'it can be taken away once the machine was started anew',
      });
    }
    if (before.has(id)) await this.#askGuest(id);
    for (let asked = 0; (await this.#devices()).has(id); asked += POLL_MS) {
      await sleep(POLL_MS, undefined, { signal }).catch((cause) => {
        throw vmError('vm.cancelled', `the guest does not let go of the share "${hostPath}"`, { cause });
      });
      // A guest that was not ready has not heard it.
      if (asked % 2000 === 1980) await this.#askGuest(id);
    }
    for (let waited = 0; ; waited += POLL_MS) {
      const failure = await execute('chardev-remove', { id }).then(
        () => undefined,
        (error: Error) => error,
      );
      if (failure === undefined || !(await this.#hasSocket(id))) return;
      if (waited > RELEASE_TIMEOUT_MS) throw failure;
      await sleep(POLL_MS);
    }
  }

  /** Serves a share anew, whose device is not there. @throws OrlopError `vm.no-share`, `vm.start-failed`, `vm.qmp-failed` */
  async plug(hostPath: string): Promise<void> {
    const { execute, folder, given } = this.#options;
    const { share, index, serverIndex } = this.#find(hostPath);
    const server = await startVirtiofsd(share, {
      index: serverIndex,
      folder: folder.path,
      program: given.programs?.virtiofsd ?? (await findVirtiofsd(given.searchPath)),
      searchPath: given.searchPath,
    });
    const { chardev, device } = shareDevice(share, index, server.socket);
    try {
      await execute('chardev-add', chardev);
      await execute('device_add', device);
    } catch (error) {
      server.kill();
      await execute('chardev-remove', { id: shareId(index) }).catch(() => undefined);
      throw error;
    }
  }

  /** Again and again is no error: QEMU refuses while the guest is at it. */
  async #askGuest(id: string): Promise<void> {
    await this.#options.execute('device_del', { id }).catch((error: unknown) => {
      if (!(error instanceof OrlopError) || error.code !== 'vm.qmp-failed') throw error;
    });
  }

  async #devices(): Promise<ReadonlySet<string>> {
    const list = (await this.#options.execute('qom-list', DEVICES)) as readonly { readonly name: string }[];
    return new Set(list.map(({ name }) => name));
  }

  async #hasSocket(id: string): Promise<boolean> {
    const list = (await this.#options.execute('query-chardev')) as readonly { readonly label: string }[];
    return list.some(({ label }) => label === id);
  }

  #find(hostPath: string): { readonly share: Share; readonly index: number; readonly serverIndex: number } {
    const { shares } = this.#options;
    const index = shares.findIndex((share) => share.kind === 'virtiofs' && share.hostPath === hostPath);
    const share = shares[index];
    if (share === undefined) throw vmError('vm.no-share', `the machine has no virtiofs share "${hostPath}"`);
    const serverIndex = shares.slice(0, index).filter(({ kind }) => kind === 'virtiofs').length;
    return { share, index, serverIndex };
  }
}

/** QEMU names a socket `disconnected:unix:…` once the other side has gone, and does not connect it again. */
export function connectedSockets(chardevs: unknown): ReadonlySet<string> {
  if (!Array.isArray(chardevs)) return new Set();
  return new Set(
    chardevs.flatMap(({ label, filename }: { readonly label?: unknown; readonly filename?: unknown }) =>
      typeof filename === 'string' && !filename.startsWith('disconnected:') ? [String(label)] : [],
    ),
  );
}
