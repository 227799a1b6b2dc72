import { open, readFile, rm } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { vmError } from '../errors.ts';
import type { MachineConsole } from '../machine.ts';
import type { MachineFolder } from '../machine-folder.ts';
import { findProcess, identifyProcess, type ProcessIdentity } from '../process-identity.ts';
import { connectUnixSocket } from '../unix-socket.ts';

/**
 * The serial console behind a socket that takes one client; a lock in the machine's folder says who that is, since a
 * second client would wait in the socket's queue without a word.
 */
export class ConsoleSocket implements MachineConsole {
  readonly #folder: MachineFolder;
  readonly #machine: string;

  constructor(folder: MachineFolder, machine: string) {
    this.#folder = folder;
    this.#machine = machine;
  }

  get logPath(): string {
    return this.#folder.file('consoleLog');
  }

  async open(): Promise<Duplex> {
    await this.#lock();
    try {
      const socket = await connectUnixSocket(this.#folder.file('consoleSocket'));
      socket.once('close', () => void this.#unlock());
      return socket;
    } catch (cause) {
      await this.#unlock();
      throw vmError('vm.not-running', `machine "${this.#machine}" has no live console`, {
        cause,
        hint: `\`orlop logs ${this.#machine}\` shows what it said`,
      });
    }
  }

  async #lock(): Promise<void> {
    const own = await identifyProcess(process.pid);
    for (let attempt = 0; attempt < 2; attempt++) {
      const handle = await open(this.#folder.file('consoleLock'), 'wx', 0o600).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EEXIST') return undefined;
          throw error;
        },
      );
      if (handle !== undefined) {
        await handle.writeFile(JSON.stringify(own));
        await handle.close();
        return;
      }
      const holder = await this.#readHolder();
      if (holder !== undefined && (await findProcess(holder)) === 'present') {
        throw vmError('vm.console-busy', `process ${holder.pid} holds the console of "${this.#machine}"`, {
          hint: `detach there first, or read along with \`orlop logs -f ${this.#machine}\``,
        });
      }
      await this.#unlock();
    }
    throw vmError(
      'vm.console-busy',
      `the console of "${this.#machine}" was taken by another program just now`,
    );
  }

  /** @returns undefined also for a lock whose writer died before it said who it is. */
  async #readHolder(): Promise<ProcessIdentity | undefined> {
    try {
      return JSON.parse(await readFile(this.#folder.file('consoleLock'), 'utf8')) as ProcessIdentity;
    } catch {
      return undefined;
    }
  }

  async #unlock(): Promise<void> {
    await rm(this.#folder.file('consoleLock'), { force: true });
  }
}
