import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { vnetError } from '../../errors.ts';
import type { ForwardTable } from '../../forward/forward-table.ts';
import { clearSocketPath } from '../../host/socket-path.ts';
import { NINEP_HEADER_LEN } from './message.ts';
import { PortSession } from './port-session.ts';

const MAX_MESSAGE_LEN = 128 * 1024;

/** VPNKit's 9P port control on a unix socket of the user's own. */
export class PortServer {
  readonly #forwards: ForwardTable;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();

  constructor(forwards: ForwardTable) {
    this.#forwards = forwards;
    this.#server = createServer((connection) => this.#serve(connection));
  }

  /** @throws OrlopError `vnet.listen-failed` */
  async listen(path: string): Promise<void> {
    await clearSocketPath(path);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(vnetError('vnet.listen-failed', `cannot listen on ${path}`, { cause }));
      });
      this.#server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
  }

  close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #serve(connection: Socket): void {
    const session = new PortSession(this.#forwards);
    this.#connections.add(connection);
    connection.on('error', () => connection.destroy());
    connection.once('close', () => {
      this.#connections.delete(connection);
      session.close();
    });
    const answers = (source: AsyncIterable<Buffer>) => answersTo(source, session);
    pipeline(connection, answers, connection).catch(() => connection.destroy());
  }
}

/** One message after the other: answers come in order, and who does not read them is not read either. */
async function* answersTo(source: AsyncIterable<Buffer>, session: PortSession): AsyncGenerator<Uint8Array> {
  let held = Buffer.alloc(0);
  for await (const chunk of source) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= NINEP_HEADER_LEN) {
      const length = held.readUInt32LE(0);
      if (length < NINEP_HEADER_LEN || length > MAX_MESSAGE_LEN) return;
      if (held.length < length) break;
      yield await session.answer(held.subarray(0, length));
      held = held.subarray(length);
    }
  }
}
