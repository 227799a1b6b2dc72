import { createHash, timingSafeEqual } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { type PortPromises, parsePortQuestion } from './port-promises.ts';

/** The gateway's port at which the machine asks for ports of the host; guest/src/engine/engine-paths.ts has the other side. */
export const PORT_QUESTIONS_PORT = 5001;

/** A token, a protocol, an address and a port. */
const MAX_LINE_BYTES = 256;
const LIMIT_MS = 10_000;

/**
 * Answers the machine: a connection is one line, `TOKEN PROTOCOL ADDRESS PORT`, and one line back, `ok` or why the host cannot
 * give the port. Whoever says something else is told nothing.
 */
export class PortQuestions {
  readonly #promises: Pick<PortPromises, 'ask'>;
  readonly #token: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #path = '';

  constructor(promises: Pick<PortPromises, 'ask'>, token: string) {
    this.#promises = promises;
    this.#token = token;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
  }

  /** In a folder that is the user's alone. */
  async listen(path: string): Promise<void> {
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    this.#path = path;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    if (this.#path !== '') void rm(this.#path, { force: true });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(LIMIT_MS, () => socket.destroy());
    let text = '';
    const giveUp = () => socket.end();
    const take = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\n');
      if (end === -1 && text.length <= MAX_LINE_BYTES) return;
      socket.off('data', take);
      socket.off('end', giveUp);
      socket.resume();
      this.#answer(text.slice(0, Math.max(end, 0))).then(
        (answer) => socket.end(answer),
        () => socket.destroy(),
      );
    };
    socket.on('data', take);
    socket.once('end', giveUp);
  }

  async #answer(line: string): Promise<string> {
    const [token, ...words] = line.split(' ');
    const side = isSameSecret(token ?? '', this.#token) ? parsePortQuestion(words.join(' ')) : undefined;
    if (side === undefined) return '';
    return `${(await this.#promises.ask(side)) ?? 'ok'}\n`;
  }
}

/** In a time that tells nothing of how much of it is right. */
function isSameSecret(said: string, known: string): boolean {
  const [one, other] = [said, known].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(one as Buffer, other as Buffer);
}
