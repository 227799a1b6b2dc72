import { OrlopError } from '@orlop/core';
import type { ForwardTable } from '../../forward/forward-table.ts';
import { forwardId } from '../../forward/forward-text.ts';
import { parsePort, portOf } from '../vpnkit-port.ts';
import { DMDIR, MessageReader, MessageWriter, NINEP_TYPES, type Qid } from './message.ts';

/** What a fid stands for. */
type Node =
  | { readonly kind: 'root' }
  | { readonly kind: 'folder'; readonly name: string }
  | { readonly kind: 'control'; readonly name: string };

interface Fid {
  node: Node;
  isOpen: boolean;
  /** What is read back from a control file. */
  answer: string;
  /** The forward that lives while this fid does. */
  forward: string | undefined;
}

const MAX_MESSAGE_LEN = 64 * 1024;
const MAX_FIDS = 1024;
const MAX_FOLDERS = 1024;
const ROOT: Qid = { isFolder: true, path: 0 };
const CONTROL_FILE = 'ctl';

/**
 * VPNKit's port control as a 9P2000 file system, for one client: a folder named as the forward, a write to its
 * `ctl` puts it in force, reading tells the outcome, and it lives while `ctl` is open.
 */
export class PortSession {
  readonly #forwards: ForwardTable;
  readonly #fids = new Map<number, Fid>();
  readonly #folders = new Set<string>();
  readonly #paths = new Map<string, number>();

  constructor(forwards: ForwardTable) {
    this.#forwards = forwards;
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
    for (const fid of this.#fids.values()) this.#end(fid);
    this.#fids.clear();
  }

  /** The answer's fields, or what the error says. */
  async #handle(type: number, request: MessageReader): Promise<MessageWriter | string> {
    const reply = new MessageWriter();
    switch (type) {
      case NINEP_TYPES.version: {
        const size = Math.min(request.u32(), MAX_MESSAGE_LEN);
        return reply.u32(size).text(request.text().startsWith('9P2000') ? '9P2000' : 'unknown');
      }
      case NINEP_TYPES.attach: {
        const number = request.u32();
        if (this.#fids.size >= MAX_FIDS) return 'too many fids';
        this.#fids.set(number, { node: { kind: 'root' }, isOpen: false, answer: '', forward: undefined });
        return reply.qid(ROOT);
      }
      case NINEP_TYPES.flush:
        return reply;
      case NINEP_TYPES.walk:
        return this.#walk(request);
      case NINEP_TYPES.auth:
        return 'authentication is not needed';
      default: {
        const number = request.u32();
        const fid = this.#fids.get(number);
        if (fid === undefined || request.failed) return 'unknown fid';
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
        fid.isOpen = true;
        return reply.qid(this.#qidOf(fid.node)).u32(0);
      case NINEP_TYPES.create:
        return this.#create(fid, { name: request.text(), permissions: request.u32() });
      case NINEP_TYPES.read: {
        const offset = request.u64();
        const data = this.#contentOf(fid).subarray(offset);
        return reply.data(data.subarray(0, Math.min(request.u32(), MAX_MESSAGE_LEN)));
      }
      case NINEP_TYPES.write: {
        request.u64();
        const data = request.data();
        if (request.failed) return 'short message';
        await this.#write(fid, Buffer.from(data).toString('utf8'));
        return reply.u32(data.length);
      }
      case NINEP_TYPES.clunk:
      case NINEP_TYPES.remove:
        this.#end(fid);
        this.#fids.delete(number);
        if (type === NINEP_TYPES.remove && fid.node.kind === 'folder') this.#folders.delete(fid.node.name);
        return reply;
      case NINEP_TYPES.stat: {
        const entry = new MessageWriter().stat(nameOf(fid.node), this.#qidOf(fid.node)).body();
        const counted = reply.u16(entry.length);
        return counted.stat(nameOf(fid.node), this.#qidOf(fid.node));
      }
      case NINEP_TYPES.wstat:
        return reply;
      default:
        return `message ${type} is not known`;
    }
  }

  #walk(request: MessageReader): MessageWriter | string {
    const from = this.#fids.get(request.u32());
    const number = request.u32();
    const count = request.u16();
    if (from === undefined || request.failed) return 'unknown fid';
    let node = from.node;
    const qids: Qid[] = [];
    for (let i = 0; i < Math.min(count, 16); i++) {
      const next = this.#step(node, request.text());
      if (next === undefined) break;
      node = next;
      qids.push(this.#qidOf(node));
    }
    if (count > 0 && qids.length === 0) return 'file does not exist';
    if (qids.length === count) {
      if (this.#fids.size >= MAX_FIDS) return 'too many fids';
      this.#fids.set(number, { node, isOpen: false, answer: '', forward: undefined });
    }
    const reply = new MessageWriter().u16(qids.length);
    for (const qid of qids) reply.qid(qid);
    return reply;
  }

  #step(node: Node, name: string): Node | undefined {
    if (name === '..') return { kind: 'root' };
    if (node.kind === 'root') {
      return this.#names().includes(name) ? { kind: 'folder', name } : undefined;
    }
    return node.kind === 'folder' && name === CONTROL_FILE ? { kind: 'control', name: node.name } : undefined;
  }

  #create(fid: Fid, made: { readonly name: string; readonly permissions: number }): MessageWriter | string {
    if (fid.node.kind !== 'root' || (made.permissions & DMDIR) === 0)
      return 'only folders can be made, in the root';
    if (this.#folders.size >= MAX_FOLDERS) return 'too many folders';
    this.#folders.add(made.name);
    fid.node = { kind: 'folder', name: made.name };
    fid.isOpen = true;
    return new MessageWriter().qid(this.#qidOf(fid.node)).u32(0);
  }

  async #write(fid: Fid, text: string): Promise<void> {
    if (fid.node.kind !== 'control') return;
    const wanted = text.trim() === '' ? fid.node.name : text.trim();
    try {
      const spec = parsePort(wanted) ?? parsePort(fid.node.name);
      if (spec === undefined) {
        fid.answer = `ERROR "${wanted}" is not PROTO:IP:PORT:PROTO:IP:PORT\n`;
        return;
      }
      this.#end(fid);
      const { local } = await this.#forwards.add(spec);
      fid.forward = forwardId(spec);
      const bound =
        local?.kind === 'ip' && spec.kind === 'to-guest' ? portOf({ ...spec, listen: local }) : undefined;
      fid.answer = `OK ${bound ?? wanted}\n`;
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      fid.answer = `ERROR ${systemNameOf(error)}${error.message}\n`;
    }
  }

  #end(fid: Fid): void {
    const id = fid.forward;
    fid.forward = undefined;
    if (id !== undefined && this.#forwards.find(id) !== undefined) this.#forwards.remove(id);
  }

  #contentOf({ node, answer }: Fid): Buffer {
    if (node.kind === 'control') return Buffer.from(answer);
    const names = node.kind === 'root' ? this.#names() : [CONTROL_FILE];
    const writer = new MessageWriter();
    for (const name of names) {
      const child: Node =
        node.kind === 'root' ? { kind: 'folder', name } : { kind: 'control', name: node.name };
      writer.stat(name, this.#qidOf(child));
    }
    return writer.body();
  }

  /** What is in force, whoever asked for it, and folders that wait for their `ctl`. */
  #names(): string[] {
    const active = this.#forwards.list().flatMap(({ spec }) => portOf(spec) ?? []);
    return [...new Set([...active, ...this.#folders])];
  }

  #qidOf(node: Node): Qid {
    if (node.kind === 'root') return ROOT;
    const key = `${node.kind} ${node.name}`;
    const path = this.#paths.get(key) ?? this.#paths.size + 1;
    this.#paths.set(key, path);
    return { isFolder: node.kind === 'folder', path };
  }
}

function nameOf(node: Node): string {
  return node.kind === 'root' ? '/' : node.kind === 'folder' ? node.name : CONTROL_FILE;
}

/** Docker's proxy looks for the system's own name of the failure. */
function systemNameOf(error: OrlopError): string {
  if (error.code === 'vnet.bind-denied') return 'EACCES ';
  if (error.code === 'vnet.bind-unavailable') return 'EADDRNOTAVAIL ';
  return error.code === 'vnet.bind-failed' || error.code === 'vnet.forward-exists' ? 'EADDRINUSE ' : '';
}
