import { type ByteStream, IpAddress, streamOfSocket, type TcpAttempt } from '@orlop/netstack';
import { type Owner, OwnerShares } from '../gateway/owner-shares.ts';
import { headerOf, MAX_HEAD_LEN, parseRequestHead } from '../proxy/http-head.ts';
import { StreamReader } from '../proxy/stream-reader.ts';
import { answerAsClouds, type MachineMetadata, type MetadataAnswer } from './cloud-answers.ts';

/** The link-local address that clouds share (RFC 3927). */
const SERVICE_ADDRESS = IpAddress.v4(0xa9fea9fe);
const SERVICE_PORT = 80;
/** Those that ask nothing count as well. */
const MAX_CONNECTIONS_PER_GUEST = 64;

const REASONS: Readonly<Record<MetadataAnswer['status'], string>> = {
  200: 'OK',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
};

/**
 * The metadata service at 169.254.169.254, for the machines that were given metadata: each gets its own, known by
 * its address, which the network lets nobody else use. Other guests meet what the network does with that address
 * otherwise.
 */
export class MetadataService {
  readonly counters = { answered: 0, malformed: 0 };
  readonly #machines = new Map<string, MachineMetadata>();
  readonly #connections = new OwnerShares({ perOwner: MAX_CONNECTIONS_PER_GUEST });
  readonly #origin: () => Owner | undefined;

  /** @param origin who is behind the frame that is being handled, whatever address it comes from. Undefined: its address */
  constructor(origin: () => Owner | undefined) {
    this.#origin = origin;
  }

  /** Takes the place of what the address had. */
  set(address: IpAddress, metadata: MachineMetadata): void {
    this.#machines.set(address.toString(), metadata);
  }

  delete(address: IpAddress): void {
    this.#machines.delete(address.toString());
  }

  /** For `TcpNat`: true when the connection is taken. */
  intercept(attempt: TcpAttempt): boolean {
    const { local, remote } = attempt;
    if (local.port !== SERVICE_PORT || !local.address.equals(SERVICE_ADDRESS)) return false;
    const guest = remote.address.toString();
    const machine = this.#machines.get(guest);
    if (machine === undefined) return false;
    const owner = this.#origin() ?? guest;
    if (!this.#connections.enter(owner)) {
      attempt.reject('drop'); // it tries again
      return true;
    }
    const leave = () => this.#connections.leave(owner);
    const onOpen = (opened: Parameters<typeof streamOfSocket>[0]) => {
      const stream = streamOfSocket(opened);
      stream.closed.then(leave, leave);
      this.#serve(stream, machine).catch(() => stream.abort());
    };
    // It may end before it is open.
    if (attempt.accept({ onOpen, onClose: leave }, { noDelay: true }) !== undefined) return true;
    leave();
    return false;
  }

  /** One request a connection. */
  async #serve(stream: ByteStream, machine: MachineMetadata): Promise<void> {
    const bytes = await new StreamReader(stream).head(MAX_HEAD_LEN);
    const head = bytes === undefined ? undefined : parseRequestHead(bytes);
    if (head === undefined || !head.target.startsWith('/')) {
      this.counters.malformed++;
      await stream.write(
        Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
      );
      stream.end();
      return;
    }
    this.counters.answered++;
    const answer = answerAsClouds(machine, {
      method: head.method,
      path: head.target.replace(/[?#].*$/, ''),
      header: (name) => headerOf(head, name),
    });
    const body = Buffer.from(answer.body);
    const headers = {
      'Content-Type': 'text/plain',
      'Content-Length': String(body.length),
      Connection: 'close',
      ...answer.headers,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const start = `HTTP/1.1 ${answer.status} ${REASONS[answer.status]}\r\n${lines.join('')}\r\n`;
    await stream.write(Buffer.concat([Buffer.from(start), ...(head.method === 'HEAD' ? [] : [body])]));
    stream.end();
  }
}
