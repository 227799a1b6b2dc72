import type { Duplex } from 'node:stream';
import { vmError } from '../errors.ts';
import type { MachineConsole } from '../machine.ts';
import type { MachineFolder } from '../machine-folder.ts';
import { takeProcessLock } from '../process-lock.ts';
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
    const lock = await takeProcessLock(this.#folder.file('consoleLock'));
    if (lock.kind === 'busy') {
      const holder = lock.holder === undefined ? 'another program' : `process ${lock.holder}`;
      throw vmError('vm.console-busy', `${holder} holds the console of "${this.#machine}"`, {
        hint: `detach there first, or read along with \`orlop logs -f ${this.#machine}\``,
      });
    }
    try {
      const socket = await connectUnixSocket(this.#folder.file('consoleSocket'));
      socket.once('close', () => void lock.release());
      return socket;
    } catch (cause) {
      await lock.release();
      throw vmError('vm.not-running', `machine "${this.#machine}" has no live console`, {
        cause,
        hint: `\`orlop logs ${this.#machine}\` shows what it said`,
      });
    }
  }
}
