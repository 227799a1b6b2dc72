import type { ForwardTable } from '../../forward/forward-table.ts';
import { DMDIR, MessageReader, MessageWriter, NINEP_TYPES, type Qid } from './message.ts';
import { PortFolders } from './port-folders.ts';

/** What a fid stands for. */
type Node =
  | { readonly kind: 'root' }
  | { readonly kind: 'readme' }
  | { readonly kind: 'folder'; readonly name: string }
  | { readonly kind: 'control'; readonly name: string };

interface Fid {
  node: Node;
  /**
   * Of a control file: who wrote has a folder that lives as long as this fid does; who opened it and did nothing ends the
   * forward by closing it, as VPNKit's client does to unexpose what it did not expose.
   */
  use: 'walked' | 'opened' | 'read' | 'asked';
  /** Of a folder, as it was when it was read from its start: what is read goes on after changes. */
  entries: readonly Uint8Array[];
}

/** What Linux's v9fs knows errors by (net/9p/error.c): other words become "Unknown error 526" there. */
const ERRORS = {
  badFid: 'fid unknown or out of range',
  fidInUse: 'fid already in use',
  noFile: 'file does not exist',
  exists: 'file already exists',
  denied: 'permission denied',
  full: 'file system is full',
  noWstat: 'wstat prohibited',
  malformed: 'protocol botch',
  noAuth: 'authentication failed',
} as const;

/** The largest message that is spoken, and the smallest that a client may ask for. */
const MAX_MESSAGE_LEN = 64 * 1024;
const MIN_MESSAGE_LEN = 256;
/** Of an Rread: header and count. */
const READ_HEADER_LEN = 11;
const MAX_FIDS = 1024;
const MAX_PATHS = 4096;
const ROOT: Qid = { isFolder: true, path: 0 };
const CONTROL_FILE = 'ctl';
const README_FILE = 'README';
const README = `Each folder is a port of the host that leads to a guest.

To add one, make a folder, write PROTO:IP:PORT:PROTO:IP:PORT to its file "ctl" (first where the host listens, then
where it leads; PROTO is tcp or udp), and read "ctl" from its start: "OK" and what is in force, or "ERROR" and why not.
It ends when that "ctl" is closed, when another opens and closes it without reading it, and when the folder is removed.

    tcp:0.0.0.0:8080:tcp:192.168.127.2:80
`;

/**
 * VPNKit's port control as a 9P2000 file system, for one client: a folder named as the forward, a write to its
 * `ctl` puts it in force, reading tells the outcome, and it lives while `ctl` is open.
 */
export class PortSession {
  readonly #folders: PortFolders;
  readonly #fids = new Map<number, Fid>();
  readonly #paths = new Map<string, number>();
  #nextPath = 1;
  #messageLen = MAX_MESSAGE_LEN;

  constructor(forwards: ForwardTable) {
    this.#folders = new PortFolders(forwards);
  }

  /** The answer to one whole message. Nothing that a client sends throws. */
  async answer(bytes: Uint8Array): Promise<Uint8Array> {
    const request = new MessageReader(bytes);
    const { tag } = request;
    const body = await this.#handle(request.type, request);
    if (typeof body !== 'string') return body.message(request.type + 1, tag);
    return new MessageWriter().text(body).message(NINEP_TYPES.error, tag);
  }

  /** The client is gone, and so are its forwards. */
  close(): void {
    this.#fids.clear();
    this.#folders.close();
  }

  /** The answer's fields, or what the error says. */
  async #handle(type: number, request: MessageReader): Promise<MessageWriter | string> {
    const reply = new MessageWriter();
    switch (type) {
      case NINEP_TYPES.version: {
        this.close(); // version(5): it begins anew
        this.#messageLen = Math.max(MIN_MESSAGE_LEN, Math.min(request.u32(), MAX_MESSAGE_LEN));
        return reply.u32(this.#messageLen).text(request.text().startsWith('9P2000') ? '9P2000' : 'unknown');
      }
      case NINEP_TYPES.attach:
        return this.#put(request.u32(), { kind: 'root' }) ?? reply.qid(ROOT);
      case NINEP_TYPES.flush:
        return reply;
      case NINEP_TYPES.walk:
        return this.#walk(request);
      case NINEP_TYPES.auth:
        return ERRORS.noAuth;
      default: {
        const number = request.u32();
        const fid = this.#fids.get(number);
        if (fid === undefined || request.failed) return ERRORS.badFid;
        return this.#handleFid(type, { request, number, fid });
      }
    }
  }

  async #handleFid(
    type: number,
    { request, number, fid }: { readonly request: MessageReader; readonly number: number; readonly fid: Fid },
  ): Promise<MessageWriter | string> {
    const reply = new MessageWriter();
    switch (type) {
      case NINEP_TYPES.open:
        fid.use = 'opened';
        return reply.qid(this.#qidOf(fid.node)).u32(0);
      case NINEP_TYPES.create:
        return this.#create(fid, { name: request.text(), permissions: request.u32() });
      case NINEP_TYPES.read: {
        const offset = request.u64();
        if (fid.use === 'opened') fid.use = 'read';
        return reply.data(
          this.#read(fid, offset, Math.min(request.u32(), this.#messageLen - READ_HEADER_LEN)),
        );
      }
      case NINEP_TYPES.write: {
        request.u64();
        const data = request.data();
        if (request.failed) return ERRORS.malformed;
        const done = await this.#write(fid, Buffer.from(data).toString('utf8'));
        return done ? reply.u32(data.length) : ERRORS.denied;
      }
      case NINEP_TYPES.clunk:
        this.#fids.delete(number);
        if (fid.node.kind === 'control' && (fid.use === 'asked' || fid.use === 'opened'))
          this.#folders.remove(fid.node.name);
        return reply;
      case NINEP_TYPES.remove:
        this.#fids.delete(number);
        if (fid.node.kind !== 'folder' && fid.node.kind !== 'control') return ERRORS.denied;
        this.#folders.remove(fid.node.name);
        return reply;
      case NINEP_TYPES.stat: {
        const entry = this.#entryOf(fid.node);
        return reply.u16(entry.length).bytes(entry);
      }
      case NINEP_TYPES.wstat:
        return request.statName() === '' ? reply : ERRORS.noWstat;
      default:
        return `message ${type} is not known`;
    }
  }

  /** Undefined when the fid stands for the node now, or what the error says. */
  #put(number: number, node: Node): string | undefined {
    if (this.#fids.has(number)) return ERRORS.fidInUse;
    if (this.#fids.size >= MAX_FIDS) return ERRORS.full;
    this.#fids.set(number, { node, use: 'walked', entries: [] });
    return undefined;
  }

  #walk(request: MessageReader): MessageWriter | string {
    const start = request.u32();
    const from = this.#fids.get(start);
    const number = request.u32();
    const count = request.u16();
    if (from === undefined || request.failed) return ERRORS.badFid;
    let node = from.node;
    const qids: Qid[] = [];
    for (let i = 0; i < Math.min(count, 16); i++) {
      const next = this.#step(node, request.text());
      if (next === undefined) break;
      node = next;
      qids.push(this.#qidOf(node));
    }
    if (count > 0 && qids.length === 0) return ERRORS.noFile;
    if (qids.length === count) {
      if (number === start) from.node = node;
      else {
        const refused = this.#put(number, node);
        if (refused !== undefined) return refused;
      }
    }
    const reply = new MessageWriter().u16(qids.length);
    for (const qid of qids) reply.qid(qid);
    return reply;
  }

  #step(node: Node, name: string): Node | undefined {
    if (name === '..') return { kind: 'root' };
    if (node.kind === 'root') {
      if (name === README_FILE) return { kind: 'readme' };
      return this.#folders.has(name) ? { kind: 'folder', name } : undefined;
    }
    return node.kind === 'folder' && name === CONTROL_FILE ? { kind: 'control', name: node.name } : undefined;
  }

  #create(fid: Fid, made: { readonly name: string; readonly permissions: number }): MessageWriter | string {
    const { name } = made;
    if (fid.node.kind !== 'root' || (made.permissions & DMDIR) === 0) return ERRORS.denied;
    if (name === '' || name === '.' || name === '..' || name.includes('/')) return ERRORS.denied;
    if (name === README_FILE || this.#folders.has(name)) return ERRORS.exists;
    if (!this.#folders.make(name)) return ERRORS.full;
    fid.node = { kind: 'folder', name };
    return new MessageWriter().qid(this.#qidOf(fid.node)).u32(0);
  }

  async #write(fid: Fid, text: string): Promise<boolean> {
    if (fid.node.kind !== 'control' || !(await this.#folders.ask(fid.node.name, text))) return false;
    fid.use = 'asked';
    return true;
  }

  #read(fid: Fid, offset: number, count: number): Uint8Array {
    const { node } = fid;
    if (node.kind === 'readme') return Buffer.from(README).subarray(offset, offset + count);
    if (node.kind === 'control')
      return Buffer.from(this.#folders.answerOf(node.name)).subarray(offset, offset + count);
    if (offset === 0) fid.entries = this.#childrenOf(node).map((child) => this.#entryOf(child));
    return wholeEntries(fid.entries, offset, count);
  }

  #childrenOf(node: Node): readonly Node[] {
    if (node.kind === 'folder') return [{ kind: 'control', name: node.name }];
    return [{ kind: 'readme' }, ...this.#folders.names().map((name): Node => ({ kind: 'folder', name }))];
  }

  #entryOf(node: Node): Uint8Array {
    const length = node.kind === 'readme' ? Buffer.byteLength(README) : 0;
    return new MessageWriter().stat(nameOf(node), this.#qidOf(node), length).body();
  }

  #qidOf(node: Node): Qid {
    if (node.kind === 'root') return ROOT;
    const key = node.kind === 'readme' ? node.kind : `${node.kind} ${node.name}`;
    const path = this.#paths.get(key) ?? this.#nextPath++;
    // Numbers are never given twice, so a client sees at worst that a file was replaced.
    if (this.#paths.size >= MAX_PATHS) this.#paths.clear();
    this.#paths.set(key, path);
    return { isFolder: node.kind === 'folder', path };
  }
}

/** read(5): of a folder no entry is given in part. */
function wholeEntries(entries: readonly Uint8Array[], offset: number, count: number): Uint8Array {
  const given: Uint8Array[] = [];
  let at = 0;
  let length = 0;
  for (const entry of entries) {
    if (at >= offset) {
      if (length + entry.length > count) break;
      given.push(entry);
      length += entry.length;
    }
    at += entry.length;
  }
  return Buffer.concat(given);
}

function nameOf(node: Node): string {
  switch (node.kind) {
    case 'root':
      return '/';
    case 'readme':
      return README_FILE;
    case 'folder':
      return node.name;
    case 'control':
      return CONTROL_FILE;
  }
}
