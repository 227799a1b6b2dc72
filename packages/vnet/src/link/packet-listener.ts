import { chmodSync, rmSync } from 'node:fs';
import { vnetError } from '../errors.ts';
import { bindFailure } from '../host/bind-failure.ts';
import type { HostListener } from '../host/host-sockets.ts';
import {
  AF_UNIX,
  SO_RCVBUF,
  SO_SNDBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOL_SOCKET,
  UV_READABLE,
} from '../native/constants.ts';
import { failureOfErrno } from '../native/failure.ts';
import type { Poller } from '../native/poller.ts';
import {
  emitUnixSocketAddress,
  readSocketAddress,
  SOCKET_ADDRESS_MAX_LEN,
} from '../native/socket-address.ts';
import { setOption } from '../native/stream.ts';
import { DescriptorLink } from './descriptor-link.ts';
import { FRAME_MAX_LEN, type Link } from './link.ts';

export interface PacketListenerOptions {
  readonly poller: Poller;
  readonly mtu: number;
  readonly onLink: (link: Link) => void;
}

/** As gvproxy asks of vfkit's socket: a burst of large frames must fit. */
const BUFFER_BYTES = 4 * 1024 * 1024;

/** SOCK_SEQPACKET on a unix path: each connection is a guest, each packet a frame. @throws OrlopError */
export function listenBess(path: string, options: PacketListenerOptions): HostListener {
  const { poller, mtu, onLink } = options;
  const descriptor = bindUnix(poller, SOCK_SEQPACKET, path);
  if (poller.library.listen(descriptor, 16) < 0) {
    const error = failed(poller, 'listen on', path);
    poller.library.close(descriptor);
    throw error;
  }
  let count = 0;
  const watch = poller.watch(descriptor, () => {
    const length = Uint8Array.of(SOCKET_ADDRESS_MAX_LEN, 0, 0, 0);
    const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    const accepted = poller.library.accept4(
      descriptor,
      new Uint8Array(SOCKET_ADDRESS_MAX_LEN),
      length,
      flags,
    );
    if (accepted < 0) return;
    onLink(new DescriptorLink(poller, accepted, { kind: 'bess', peer: `unix:${path}#${++count}`, mtu }));
  });
  watch.want(UV_READABLE);
  return {
    local: { kind: 'unix', path },
    close: () => {
      watch.close();
      poller.library.close(descriptor);
      rmSync(path, { force: true });
    },
  };
}

/**
 * vfkit's datagram socket: the address that the first packet comes from is the guest's, and the packet itself is
 * a greeting ("VFKT") or its first frame. One guest for each socket. @throws OrlopError
 */
export function listenVfkit(path: string, options: PacketListenerOptions): HostListener {
  const { poller, mtu, onLink } = options;
  const descriptor = bindUnix(poller, SOCK_DGRAM, path);
  let joined = false;
  const watch = poller.watch(descriptor, () => {
    const first = new Uint8Array(FRAME_MAX_LEN);
    const from = new Uint8Array(SOCKET_ADDRESS_MAX_LEN);
    const length = Uint8Array.of(SOCKET_ADDRESS_MAX_LEN, 0, 0, 0);
    const count = poller.library.recvfrom(descriptor, first, first.length, 0, from, length);
    if (count < 0 || joined) return;
    if (poller.library.connect(descriptor, from, length[0] ?? 0) < 0) return; // an unnamed sender: not a guest
    joined = true;
    watch.detach();
    const peer = readSocketAddress(from, length[0] ?? 0);
    onLink(
      new DescriptorLink(poller, descriptor, {
        kind: 'vfkit',
        peer: peer.kind === 'unix' ? peer.path : path,
        mtu,
        onRelease: () => rmSync(path, { force: true }),
      }),
    );
  });
  watch.want(UV_READABLE);
  return {
    local: { kind: 'unix', path },
    close: () => {
      if (joined) return; // the link has the descriptor
      watch.close();
      poller.library.close(descriptor);
      rmSync(path, { force: true });
    },
  };
}

/** QEMU's `-netdev dgram` between two unix paths. @throws OrlopError */
export function openQemuDgram(localPath: string, remotePath: string, options: PacketListenerOptions): Link {
  const { poller, mtu } = options;
  const address = new Uint8Array(SOCKET_ADDRESS_MAX_LEN);
  const length = emitUnixSocketAddress(address, remotePath);
  const descriptor = bindUnix(poller, SOCK_DGRAM, localPath);
  // QEMU may bind its path after we have bound ours.
  let connected = false;
  return new DescriptorLink(poller, descriptor, {
    kind: 'qemu-dgram',
    peer: remotePath,
    mtu,
    onRelease: () => rmSync(localPath, { force: true }),
    beforeWrite: () => {
      connected ||= poller.library.connect(descriptor, address, length) === 0;
      return connected;
    },
  });
}

function bindUnix(poller: Poller, type: number, path: string): number {
  const address = new Uint8Array(SOCKET_ADDRESS_MAX_LEN);
  const length = emitUnixSocketAddress(address, path);
  const descriptor = poller.library.socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw failed(poller, 'open a socket for', path);
  if (poller.library.bind(descriptor, address, length) < 0) {
    const error = bindFailure({ kind: 'unix', path }, failureOfErrno(poller.library.errno()));
    poller.library.close(descriptor);
    throw error;
  }
  chmodSync(path, 0o600);
  setOption(poller, descriptor, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
  setOption(poller, descriptor, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
  return descriptor;
}

function failed(poller: Poller, what: string, path: string): Error {
  return vnetError('vnet.listen-failed', `cannot ${what} ${path} (errno ${poller.library.errno()})`);
}
