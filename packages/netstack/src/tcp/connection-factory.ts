import type { Random } from '@orlop/core';
import { TCP_HEADER_LEN } from '@orlop/wire';
import type { Endpoint, TcpSocketOptions } from '../face.ts';
import type { IpAddress } from '../ip/address.ts';
import type { IpPath } from '../ip/path.ts';
import { KeyedHash } from '../keyed-hash.ts';
import type { TcpContext } from './context.ts';
import { ControlBlock } from './control-block.ts';
import { Cubic } from './cubic.ts';
import { Reno } from './reno.ts';
import { RttEstimator, type RttOptions } from './rtt.ts';
import { INITIAL_TIMEOUT_MS, MAX_DATA_RETRIES, MAX_TIMEOUT_MS } from './settings.ts';
import { Socket } from './socket.ts';
import { scaleFor } from './window.ts';

export interface NewConnection {
  readonly path: IpPath;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly state: 'syn-sent' | 'syn-received';
  readonly options: TcpSocketOptions;
  /** @default by clock and keyed hash */
  readonly initialSequence?: number;
}

/** Makes connections: control block, socket, initial sequence number, entry in the table. */
export class ConnectionFactory {
  readonly #context: TcpContext;
  readonly #hash: KeyedHash;
  readonly #rttOptions: RttOptions;
  readonly #sendReset: (block: ControlBlock) => void;

  constructor(context: TcpContext, random: Random, sendReset: (block: ControlBlock) => void) {
    this.#context = context;
    this.#hash = new KeyedHash(random);
    this.#sendReset = sendReset;
    this.#rttOptions = {
      minTimeoutMs: context.settings.minRetransmissionTimeoutMs,
      maxTimeoutMs: MAX_TIMEOUT_MS,
      initialTimeoutMs: INITIAL_TIMEOUT_MS,
    };
  }

  /** Precondition: the table has no entry for these ends. */
  create(of: NewConnection): ControlBlock {
    const { path, local, remote, options } = of;
    const { settings, pool, table } = this.#context;
    const tuple = tupleOf(local, remote);
    const segmentGuess = path.mtu - path.version.headerLength - TCP_HEADER_LEN;
    const block = new ControlBlock(
      {
        path,
        local,
        remote,
        pool,
        rtt: new RttEstimator(this.#rttOptions),
        congestion: settings.congestion === 'reno' ? new Reno(segmentGuess) : new Cubic(segmentGuess),
        initialSequence: of.initialSequence ?? this.#initialSequence(tuple),
        timestampOffset: this.timestampOffset(tuple),
        sendLimit: limitOf(options.sendBuffer, settings.sendBuffer),
        receiveLimit: this.receiveLimit(options),
        state: of.state,
      },
      this.#onNeighbour,
      settings.quickAcks,
    );
    block.receiveWindow.scale = scaleFor(block.maxReceiveLimit);
    block.noDelay = options.noDelay ?? false;
    block.keepalive = options.keepalive;
    block.next = (block.initialSequence + 1) | 0;
    block.socket = new Socket(this.#context, block, this.#sendReset);
    table.add(block);
    return block;
  }

  /** The same for all handshakes of one 4-tuple: cookies need not remember it. */
  timestampOffset(tuple: readonly number[]): number {
    return this.#hash.hash(tuple, 1);
  }

  /** How much a connection with these options may hold received. */
  receiveLimit(options: TcpSocketOptions): Limits {
    return limitOf(options.receiveBuffer, this.#context.settings.receiveBuffer);
  }

  /** Where ephemeral ports to one destination begin; not negative. */
  portOffset(from: IpAddress, remote: Endpoint): number {
    return this.#hash.hash([...wordsOf(from), ...wordsOf(remote.address), remote.port]) >>> 0;
  }

  /** RFC 6528: a clock of 4 µs and a keyed hash of the 4-tuple. */
  #initialSequence(tuple: readonly number[]): number {
    return (Math.floor(this.#context.now * 250) + this.#hash.hash(tuple)) | 0;
  }

  readonly #onNeighbour = (block: ControlBlock, reached: boolean): void => {
    const context = this.#context;
    if (!reached) {
      block.retries++;
      if (block.state === 'syn-sent') context.close(block, 'unreachable');
      else if (block.retries > MAX_DATA_RETRIES) context.close(block, 'timeout');
      context.dispatch(block);
    }
    if (block.state !== 'closed') context.markReady(block);
  };
}

/** Both ends as words, for keyed hashes. */
export function tupleOf(local: Endpoint, remote: Endpoint): number[] {
  const ports = (local.port << 16) | remote.port;
  if (local.address.version === 4) return [local.address.w3, remote.address.w3, ports];
  return [...wordsOf(local.address), ...wordsOf(remote.address), ports];
}

function wordsOf(address: IpAddress): number[] {
  return address.version === 4 ? [address.w3] : [address.w0, address.w1, address.w2, address.w3];
}

interface Limits {
  readonly initial: number;
  readonly max: number;
}

function limitOf(own: number | undefined, general: Limits): Limits {
  return own === undefined ? general : { initial: Math.min(own, general.initial), max: own };
}
