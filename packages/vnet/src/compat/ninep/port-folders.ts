import { OrlopError } from '@orlop/core';
import type { ForwardTable } from '../../forward/forward-table.ts';
import { parsePort, portOf } from '../vpnkit-port.ts';

/** A folder that a client has made. */
interface Folder {
  /** What its `ctl` says, once something was asked for. */
  answer: string | undefined;
  /** The forward that it stands for, once that is in force. */
  forward: string | undefined;
}

const MAX_FOLDERS = 1024;
/** By its first words VPNKit's client knows that there was nothing before it. */
const NOTHING_ASKED = 'ERROR no request received: write PROTO:IP:PORT:PROTO:IP:PORT, see README\n';

/** The folders that one client sees: those that it made, and the forwards in force, whoever asked for them. */
export class PortFolders {
  readonly #forwards: ForwardTable;
  readonly #made = new Map<string, Folder>();

  constructor(forwards: ForwardTable) {
    this.#forwards = forwards;
  }

  names(): string[] {
    const own = new Set([...this.#made.values()].map(({ forward }) => forward));
    const others = this.#forwards.list().flatMap(({ id, spec }) => (own.has(id) ? [] : (portOf(spec) ?? [])));
    return [...new Set([...this.#made.keys(), ...others])];
  }

  has(name: string): boolean {
    return this.#made.has(name) || this.#idOf(name) !== undefined;
  }

  /** False where there are too many. */
  make(name: string): boolean {
    if (this.#made.size >= MAX_FOLDERS) return false;
    this.#made.set(name, { answer: undefined, forward: undefined });
    return true;
  }

  /** What `ctl` says. */
  answerOf(name: string): string {
    const folder = this.#made.get(name);
    if (folder !== undefined) return folder.answer ?? NOTHING_ASKED;
    return this.#idOf(name) === undefined ? NOTHING_ASKED : `OK ${name}\n`;
  }

  /**
   * Puts in force what was written to a folder's `ctl`, or what the folder is called where that is nothing. False
   * where the folder's forward is another client's, or stands already.
   */
  async ask(name: string, text: string): Promise<boolean> {
    const folder = this.#made.get(name);
    if (folder === undefined || folder.forward !== undefined) return false;
    const wanted = text.trim() === '' ? name : text.trim();
    try {
      const spec = parsePort(wanted);
      if (spec === undefined) {
        folder.answer = `ERROR "${wanted}" is not PROTO:IP:PORT:PROTO:IP:PORT\n`;
        return true;
      }
      const { id, spec: bound } = await this.#forwards.add(spec);
      if (this.#made.get(name) !== folder) this.#forwards.discard(id);
      else folder.forward = id;
      const answer = bound.kind === 'to-guest' && bound.listen.kind === 'ip' ? portOf(bound) : wanted;
      folder.answer = `OK ${answer}\n`;
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      folder.answer = `ERROR ${systemNameOf(error)}${error.message}\n`;
    }
    return true;
  }

  /** Ends the forward that a folder stands for, and the folder. Nothing where there is none. */
  remove(name: string): void {
    const id = this.#idOf(name);
    this.#made.delete(name);
    if (id !== undefined) this.#forwards.discard(id);
  }

  /** The client is gone: what it made goes too. */
  close(): void {
    for (const { forward } of this.#made.values()) if (forward !== undefined) this.#forwards.discard(forward);
    this.#made.clear();
  }

  /** The forward of a folder, whoever asked for it. */
  #idOf(name: string): string | undefined {
    const folder = this.#made.get(name);
    if (folder !== undefined) return folder.forward;
    return this.#forwards.list().find(({ spec }) => portOf(spec) === name)?.id;
  }
}

/** Docker's proxy looks for the system's own name of the failure. */
function systemNameOf(error: OrlopError): string {
  if (error.code === 'vnet.bind-denied') return 'EACCES ';
  if (error.code === 'vnet.bind-unavailable') return 'EADDRNOTAVAIL ';
  return error.code === 'vnet.bind-failed' || error.code === 'vnet.forward-exists' ? 'EADDRINUSE ' : '';
}
