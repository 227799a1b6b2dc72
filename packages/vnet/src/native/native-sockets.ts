import { chmodSync, unlinkSync } from 'node:fs';
import type { IpAddress } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import { bindFailure } from '../host/bind-failure.ts';
import {
  type ConnectOptions,
  DATAGRAM_BUFFER_BYTES,
  type HostDatagramEvents,
  type HostDatagramSocket,
  type HostEchoEvents,
  type HostEchoSocket,
  type HostEndpoint,
  type HostListener,
  type HostSockets,
  type HostStream,
  type HostStreamEvents,
  type ListenOptions,
} from '../host/host-sockets.ts';
import { removeDeadSocket } from '../host/socket-path.ts';
import * as linux from './constants.ts';
import { createDatagramScratch, NativeDatagram, type NativeDatagramEvents } from './datagram.ts';
import { NativeEcho } from './echo.ts';
import { failureOfErrno } from './failure.ts';
import { SocketHopLimit } from './hop-limit.ts';
import type { Poller } from './poller.ts';
import {
  emitIpSocketAddress,
  emitUnixSocketAddress,
  readSocketAddress,
  SOCKET_ADDRESS_MAX_LEN,
} from './socket-address.ts';
import { type ConnectErrors, localAddress, NativeStream, setIpOption, setOption } from './stream.ts';

/** ICMP errors go to the socket's error queue. */
const RECEIVE_ERRORS = [linux.IP_RECVERR, linux.IPV6_RECVERR] as const;
const SOCKET_FLAGS = linux.SOCK_NONBLOCK | linux.SOCK_CLOEXEC;
/** Connections taken per wake-up. */
const ACCEPTS_PER_TURN = 64;
/** Until the next attempt to accept, where the host had no descriptor for a connection. */
const EXHAUSTED_MS = 100;

/** The host's sockets by Linux system calls. */
export function createNativeSockets(poller: Poller): HostSockets {
  const scratch = createDatagramScratch(poller);
  const { library } = poller;
  const addressBytes = new Uint8Array(SOCKET_ADDRESS_MAX_LEN);

  const connect = (
    endpoint: HostEndpoint,
    events: HostStreamEvents,
    options: ConnectOptions = {},
  ): HostStream => {
    const length = emitEndpoint(addressBytes, endpoint);
    const descriptor = library.socket(familyOf(endpoint), linux.SOCK_STREAM | SOCKET_FLAGS, 0);
    if (descriptor < 0) return failedStream(endpoint, events, library.errno());
    const { hopLimit } = options;
    const errors = hopLimit === undefined ? undefined : limitHops(descriptor, endpoint, hopLimit);
    const attempt = () => (library.connect(descriptor, addressBytes, length) < 0 ? library.errno() : 0);
    let errno = attempt();
    // Within the host the handshake is over when the call returns, though it does not say so: the next one does.
    if (errno === linux.EINPROGRESS && options.mayOpenAtOnce === true) errno = attempt();
    if (errno !== 0 && errno !== linux.EINPROGRESS && errno !== linux.EALREADY) {
      library.close(descriptor);
      return failedStream(endpoint, events, errno);
    }
    const state = errno === 0 && options.mayOpenAtOnce === true ? 'open' : 'connecting';
    return new NativeStream(poller, descriptor, endpoint, {
      state,
      events,
      ...(errors !== undefined && { errors }),
    });
  };

  /** Where its errors are read from, until the connection stands. */
  const limitHops = (
    descriptor: number,
    endpoint: HostEndpoint,
    hopLimit: number,
  ): ConnectErrors | undefined => {
    if (endpoint.kind !== 'ip') return undefined;
    const socket = { descriptor, family: endpoint.address.version };
    new SocketHopLimit(poller, socket).set(hopLimit);
    setIpOption(poller, socket, RECEIVE_ERRORS, 1);
    return {
      read: () => scratch.errorQueue.read(descriptor),
      // A router's complaint would end an open connection otherwise (ip(7)).
      stop: () => setIpOption(poller, socket, RECEIVE_ERRORS, 0),
    };
  };

  const openDatagram = (family: 4 | 6, events: HostDatagramEvents): HostDatagramSocket => {
    const descriptor = datagramDescriptor(poller, family);
    if (descriptor < 0) {
      throw vnetError('vnet.bind-failed', `no UDP socket: ${failureOfErrno(library.errno())}`);
    }
    return new NativeDatagram(poller, { descriptor, family }, datagramEvents(events), scratch);
  };

  const bindDatagram = async (address: IpAddress, port: number, events: HostDatagramEvents) => {
    const descriptor = datagramDescriptor(poller, address.version);
    const length = emitIpSocketAddress(addressBytes, address, port);
    if (descriptor < 0 || library.bind(descriptor, addressBytes, length) < 0) {
      throw bindFailed({ kind: 'ip', address, port }, library.errno(), () => library.close(descriptor));
    }
    const socket = { descriptor, family: address.version };
    return new NativeDatagram(poller, socket, datagramEvents(events), scratch);
  };

  const openEcho = (family: 4 | 6, events: HostEchoEvents): HostEchoSocket | undefined => {
    const descriptor = library.socket(
      family === 4 ? linux.AF_INET : linux.AF_INET6,
      linux.SOCK_DGRAM | SOCKET_FLAGS,
      family === 4 ? linux.IPPROTO_ICMP : linux.IPPROTO_ICMPV6,
    );
    if (descriptor < 0) return undefined;
    setIpOption(poller, { descriptor, family }, RECEIVE_ERRORS, 1);
    return new NativeEcho(poller, { descriptor, family }, events, scratch);
  };

  return {
    kind: 'native',
    connect,
    listen: async (endpoint, onConnection, options) => {
      if (endpoint.kind === 'unix') await removeDeadSocket(endpoint.path);
      return listen(poller, endpoint, onConnection, options ?? {});
    },
    openDatagram,
    bindDatagram,
    openEcho,
  };
}

function listen(
  poller: Poller,
  endpoint: HostEndpoint,
  onConnection: (stream: HostStream) => HostStreamEvents,
  options: ListenOptions,
): HostListener {
  const { library } = poller;
  const address = new Uint8Array(SOCKET_ADDRESS_MAX_LEN);
  const length = emitEndpoint(address, endpoint);
  const descriptor = library.socket(familyOf(endpoint), linux.SOCK_STREAM | SOCKET_FLAGS, 0);
  if (descriptor < 0) throw bindFailed(endpoint, library.errno(), () => {});
  const closeDescriptor = () => library.close(descriptor);
  if (endpoint.kind === 'ip') {
    setOption(poller, descriptor, linux.SOL_SOCKET, linux.SO_REUSEADDR, 1);
    if (endpoint.address.version === 6) {
      setOption(poller, descriptor, linux.IPPROTO_IPV6, linux.IPV6_V6ONLY, 1);
    }
  }
  if (library.bind(descriptor, address, length) < 0) {
    throw bindFailed(endpoint, library.errno(), closeDescriptor);
  }
  if (endpoint.kind === 'unix') chmodSync(endpoint.path, options.mode ?? 0o600);
  if (library.listen(descriptor, options.backlog ?? 128) < 0) {
    throw bindFailed(endpoint, library.errno(), closeDescriptor);
  }
  const peerLength = new Uint8Array(4);
  let pause: NodeJS.Timeout | undefined;
  const watch = poller.watch(descriptor, () => {
    for (let i = 0; i < ACCEPTS_PER_TURN; i++) {
      peerLength[0] = SOCKET_ADDRESS_MAX_LEN;
      const accepted = library.accept4(descriptor, address, peerLength, SOCKET_FLAGS);
      if (accepted < 0) {
        if (failureOfErrno(library.errno()) !== 'exhausted') return;
        // The connection stays in the backlog, and would wake this process again at once.
        watch.want(0);
        pause = setTimeout(() => watch.want(linux.UV_READABLE), EXHAUSTED_MS);
        return;
      }
      const remote = readSocketAddress(address, peerLength[0] ?? 0);
      const stream = new NativeStream(poller, accepted, remote, { state: 'open' });
      stream.listen(onConnection(stream));
    }
  });
  watch.want(linux.UV_READABLE);
  return {
    local: endpoint.kind === 'unix' ? endpoint : localAddress(poller, descriptor),
    close: () => {
      clearTimeout(pause);
      watch.close();
      closeDescriptor();
      if (endpoint.kind === 'unix') unlinkIfThere(endpoint.path);
    },
  };
}

function datagramDescriptor(poller: Poller, family: 4 | 6): number {
  const descriptor = poller.library.socket(
    family === 4 ? linux.AF_INET : linux.AF_INET6,
    linux.SOCK_DGRAM | SOCKET_FLAGS,
    0,
  );
  if (descriptor < 0) return descriptor;
  if (family === 6) setOption(poller, descriptor, linux.IPPROTO_IPV6, linux.IPV6_V6ONLY, 1);
  setIpOption(poller, { descriptor, family }, RECEIVE_ERRORS, 1);
  setOption(poller, descriptor, linux.SOL_SOCKET, linux.SO_RCVBUF, DATAGRAM_BUFFER_BYTES);
  return descriptor;
}

function datagramEvents({ onDatagram, onFailed }: HostDatagramEvents): NativeDatagramEvents {
  return {
    onDatagram,
    onError: ({ failure, destination, by }) => {
      if (destination.kind === 'ip') onFailed(failure, destination.address, destination.port, by);
    },
  };
}

function emitEndpoint(into: Uint8Array, endpoint: HostEndpoint): number {
  if (endpoint.kind === 'ip') return emitIpSocketAddress(into, endpoint.address, endpoint.port);
  return emitUnixSocketAddress(into, endpoint.path);
}

function familyOf(endpoint: HostEndpoint): number {
  if (endpoint.kind === 'unix') return linux.AF_UNIX;
  return endpoint.address.version === 4 ? linux.AF_INET : linux.AF_INET6;
}

/** A stream that never was: its failure is told in the next turn, as every outcome is. */
function failedStream(endpoint: HostEndpoint, events: HostStreamEvents, errno: number): HostStream {
  let live = true;
  setImmediate(() => {
    if (live) events.onFailed(failureOfErrno(errno));
  });
  const drop = () => {
    live = false;
  };
  return {
    remote: endpoint,
    local: endpoint,
    isOpen: false,
    read: () => -1,
    write: () => 0,
    wantRead: () => {},
    end: () => {},
    close: drop,
    reset: drop,
  };
}

function bindFailed(endpoint: HostEndpoint, errno: number, close: () => void): Error {
  close();
  return bindFailure(endpoint, failureOfErrno(errno));
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody removed it first: that is what was wanted.
  }
}
