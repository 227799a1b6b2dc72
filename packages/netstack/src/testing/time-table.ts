import { seededRandom } from '@orlop/testkit';
import {
  ARP_REPLY,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  emitArp,
  emitEthernet,
  readU32,
  TCP_SYN,
} from '@orlop/wire';
import type { TcpCloseReason, TcpHandler, TcpSocket } from '../face.ts';
import { CallbackSink } from '../frame-sinks.ts';
import { createStack } from '../stack.ts';
import type { StackOptions } from '../stack-face.ts';
import { buildSegment, printSegment } from './segments.ts';
import { parseAddress, parsePrefix } from './two-hosts.ts';

/** What the program does: by words, so that a table reads as one. */
export type AppAction =
  | 'connect'
  | 'listen'
  | 'listen-any'
  | 'accept'
  | 'refuse'
  | 'unreachable'
  | 'shutdown'
  | 'abort'
  | `write ${number}`
  | `read ${number}`
  | 'keepalive'
  | 'no-delay';

/** Milliseconds, direction, and a segment (see `buildSegment`), or what the program does or is told. */
export type Row =
  | readonly [at: number, direction: 'in' | 'out', segment: string]
  | readonly [at: number, direction: 'app', action: AppAction]
  | readonly [at: number, direction: 'tell', event: string];

export interface TimeTableOptions {
  readonly stack?: Partial<StackOptions>;
  /** The program reads at once whatever comes. @default true */
  readonly reads?: boolean;
  /** Peer's timestamps run and echo ours. @default false */
  readonly timestamps?: boolean;
}

/** One case, told in rows. */
export interface TimeTable extends TimeTableOptions {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** A passive open with MSS 1000 and nothing else; the peer's data begins at 1. */
export const OPENED: readonly Row[] = [
  [0, 'app', 'listen'],
  [0, 'in', 'S 0 <mss 1000>'],
  [0, 'out', 'S. 0 ack 1 <mss 1460>'],
  [0, 'in', '. 1 ack 1'],
  [0, 'tell', 'open'],
];

/** The same, and the peer takes selective acknowledgements. */
export const OPENED_WITH_SACK: readonly Row[] = [
  [0, 'app', 'listen'],
  [0, 'in', 'S 0 <mss 1000 sack>'],
  [0, 'out', 'S. 0 ack 1 <mss 1460 sack>'],
  [0, 'in', '. 1 ack 1'],
  [0, 'tell', 'open'],
];

/** The same with timestamps. */
export const OPENED_WITH_TIMESTAMPS: readonly Row[] = [
  [0, 'app', 'listen'],
  [0, 'in', 'S 0 <mss 1000 ts>'],
  [0, 'out', 'S. 0 ack 1 <mss 1460 ts>'],
  [5, 'in', '. 1 ack 1 <ts>'],
  [5, 'tell', 'open'],
];

/** A stack whose congestion window is easily told. */
export const PLAIN = { tcp: { congestion: 'reno' } } as const;

const OUR_MAC = 0x020000000001;
const PEER_MAC = 0x020000000002;
const OUR_IP = 0x0a000001;
const PEER_IP = 0x0a000002;
const OUR_PORT = 80;
const PEER_PORT = 5000;
const PEER_ISN = 0x7ffffff0; // data crosses the sign bit soon

/**
 * Runs a table in virtual time against one stack and returns what was emitted and told, as rows. The test compares
 * them with the `out` and `tell` rows of the table: nothing else may be there.
 */
export function runTable(rows: readonly Row[], options: TimeTableOptions = {}): Row[] {
  const run = new TableRun(options);
  for (const row of rows) {
    const [at, direction, text] = row;
    run.advance(at);
    if (direction === 'in') run.hear(text);
    else if (direction === 'app') run.act(text);
  }
  return run.happened;
}

/** The rows of a table that say what has to happen. */
export function expectedRows(rows: readonly Row[]): Row[] {
  return rows.filter(([, direction]) => direction === 'out' || direction === 'tell');
}

class TableRun {
  readonly happened: Row[] = [];
  readonly #stack;
  readonly #sink = new CallbackSink((frame) => this.#emitted(frame.slice()));
  readonly #options: TimeTableOptions;
  #now = 0;
  #socket: TcpSocket | undefined;
  #ourIsn: number | undefined;
  #ourTimestamp = 0;
  /** It asked for our link address: answered after the poll. */
  #asked = false;
  #attempt:
    | {
        accept(handler: TcpHandler): TcpSocket | undefined;
        reject(how: 'refused' | 'host-unreachable'): void;
      }
    | undefined;

  constructor(options: TimeTableOptions) {
    this.#options = options;
    this.#stack = createStack({
      mac: OUR_MAC,
      addresses: [parsePrefix('10.0.0.1/24')],
      random: seededRandom(7),
      ...options.stack,
    });
    // The neighbour is known from the start: an answer to a question of ours that the table does not show.
    this.#stack.host.ip.path(parseAddress('10.0.0.2'), 6);
    this.#stack.receive(arpReply(), 0);
    this.#drain();
  }

  advance(until: number): void {
    for (;;) {
      this.#poll();
      const at = Math.max(this.#now, this.#stack.pollAt());
      if (at > until) break;
      this.#now = at;
      this.#poll();
      if (at === until) break;
    }
    this.#now = until;
  }

  hear(text: string): void {
    const frame = buildSegment(text, {
      sourceMac: PEER_MAC,
      destinationMac: OUR_MAC,
      source: PEER_IP,
      destination: OUR_IP,
      sourcePort: PEER_PORT,
      destinationPort: OUR_PORT,
      sequenceBase: PEER_ISN,
      acknowledgmentBase: this.#ourIsn ?? 0,
      ...(this.#options.timestamps === true
        ? { timestamps: { value: 1000 + Math.floor(this.#now), echo: this.#ourTimestamp } }
        : {}),
    });
    this.#stack.receive(frame, this.#now);
    this.#poll();
  }

  act(action: string): void {
    const [verb, count] = action.split(' ');
    const { tcp } = this.#stack;
    const socket = this.#socket;
    if (verb === 'listen') tcp.listen({ port: OUR_PORT }, (opened) => this.#own(opened));
    else if (verb === 'listen-any') {
      tcp.listenAny((attempt) => {
        this.#attempt = attempt;
        attempt.onCancel = () => this.#tell('cancelled');
        this.#tell(`attempt from port ${attempt.remote.port}`);
      });
    } else if (verb === 'accept') this.#socket = this.#attempt?.accept(this.#handler());
    else if (verb === 'refuse') this.#attempt?.reject('refused');
    else if (verb === 'unreachable') this.#attempt?.reject('host-unreachable');
    else if (verb === 'connect') {
      const remote = { address: parseAddress('10.0.0.2'), port: PEER_PORT };
      this.#socket = tcp.connect({ remote, local: { port: OUR_PORT } }, this.#handler());
    } else if (verb === 'write') socket?.write(new Uint8Array(Number(count)));
    else if (verb === 'read') socket?.consume(Number(count));
    else if (verb === 'shutdown') socket?.shutdown();
    else if (verb === 'abort') socket?.abort();
    else if (verb === 'no-delay' && socket !== undefined) socket.noDelay = true;
    else if (verb === 'keepalive' && socket !== undefined) {
      socket.keepalive = { idleMs: 10_000, intervalMs: 1000, count: 2 };
    }
    this.#poll();
  }

  #own(socket: TcpSocket): TcpHandler {
    this.#socket = socket;
    return this.#handler();
  }

  #handler(): TcpHandler {
    return {
      onOpen: () => this.#tell('open'),
      onReadable: (socket) => {
        if (this.#options.reads !== false) socket.consume(socket.readable);
      },
      onEnd: () => this.#tell('end'),
      onClose: (_socket: TcpSocket, reason: TcpCloseReason) => this.#tell(`close ${reason}`),
    };
  }

  #tell(event: string): void {
    this.happened.push([this.#now, 'tell', event]);
  }

  #poll(): void {
    this.#stack.poll(this.#now, this.#sink);
    if (!this.#asked) return;
    this.#asked = false;
    this.#stack.receive(arpReply(), this.#now);
    this.#stack.poll(this.#now, this.#sink);
  }

  #drain(): void {
    this.#poll();
    this.happened.length = 0;
  }

  #emitted(frame: Uint8Array): void {
    if (((frame[12] << 8) | frame[13]) !== ETHERTYPE_IPV4) {
      this.#asked = true;
      return;
    }
    if (frame[23] === 1) {
      this.happened.push([this.#now, 'out', `icmp ${frame[34]} ${frame[35]}`]);
      return;
    }
    if (this.#ourIsn === undefined && (frame[47] & TCP_SYN) !== 0) this.#ourIsn = readU32(frame, 38);
    if (frame[46] >>> 4 >= 8) this.#ourTimestamp = readTimestamp(frame);
    const text = printSegment(frame, {
      sequence: this.#ourIsn ?? 0,
      acknowledgment: PEER_ISN,
      withWindow: this.#options.reads === false,
    });
    this.happened.push([this.#now, 'out', text]);
  }
}

/** Of a segment with the usual layout, or of a SYN whose first option is the MSS. */
function readTimestamp(frame: Uint8Array): number {
  const options = 54;
  if (readU32(frame, options) === 0x0101080a) return readU32(frame, options + 4);
  return readU32(frame, options + 8);
}

function arpReply(): Uint8Array {
  const frame = new Uint8Array(60);
  const at = emitEthernet({ destination: OUR_MAC, source: PEER_MAC, etherType: ETHERTYPE_ARP }, frame, 0);
  const fields = { senderMac: PEER_MAC, senderIp: PEER_IP, targetMac: OUR_MAC, targetIp: OUR_IP };
  emitArp({ operation: ARP_REPLY, ...fields }, frame, at);
  return frame;
}
