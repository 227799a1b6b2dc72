import { closeSync, openSync } from 'node:fs';
import { vnetError } from '../errors.ts';
import {
  AF_INET,
  IFF_NO_PI,
  IFF_TAP,
  IFF_VNET_HDR,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  SIOCGIFTXQLEN,
  SIOCSIFTXQLEN,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUNSETIFF,
  TUNSETOFFLOAD,
} from '../native/constants.ts';
import type { Poller } from '../native/poller.ts';
import { DescriptorLink } from './descriptor-link.ts';
import type { Link } from './link.ts';

export interface TapOptions {
  /** Of the interface; it is made when it does not exist. At most 15 bytes. */
  readonly name: string;
  readonly mtu: number;
  /** Path of the network namespace that the interface is in (`/run/netns/x`). @default this process's */
  readonly namespace?: string;
  /**
   * The kernel behind the interface leaves checksums and the cutting of large TCP segments to us too: for a
   * receiver that knows what `segmentSize` of `onFrame` means. @default false
   */
  readonly offload?: boolean;
}

const INTERFACE_NAME_MAX_LEN = 15;
const INTERFACE_REQUEST_LEN = 40; // struct ifreq: 16 bytes of name, then the flags
/**
 * Frames of the guest that wait to be read. What does not find a place is lost, and lost ends of connections are told
 * again only after seconds; by default the kernel keeps 1000. Their memory counts as that of the sockets that sent them.
 */
const QUEUE_FRAMES = 8192;
const CLONE_NEWNET = 0x40000000;

/**
 * A TAP interface of Linux: a network namespace, or the host itself, as a guest. Needs CAP_NET_ADMIN there.
 *
 * @throws OrlopError `vnet.link-failed`
 */
export function openTap(poller: Poller, options: TapOptions): Link {
  const name = new TextEncoder().encode(options.name);
  if (name.length === 0 || name.length > INTERFACE_NAME_MAX_LEN) {
    throw vnetError('vnet.link-failed', `"${options.name}" is no interface name: it has 1 to 15 bytes`);
  }
  const open = () => openHere(poller, name, options);
  const descriptor = options.namespace === undefined ? open() : inNamespace(poller, options.namespace, open);
  const peer = options.namespace === undefined ? options.name : `${options.name} in ${options.namespace}`;
  return new DescriptorLink(poller, descriptor, { kind: 'tap', peer, mtu: options.mtu, virtioHeader: true });
}

function openHere(poller: Poller, name: Uint8Array, options: TapOptions): number {
  const descriptor = poller.library.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) throw failed(options, 'open /dev/net/tun', poller.library.errno());
  const request = new Uint8Array(INTERFACE_REQUEST_LEN);
  request.set(name);
  const flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  request[16] = flags & 0xff;
  request[17] = flags >>> 8;
  if (poller.library.ioctl(descriptor, TUNSETIFF, request) < 0) {
    const errno = poller.library.errno();
    poller.library.close(descriptor);
    throw failed(options, 'attach to the interface', errno);
  }
  // Best effort: without it, frames come finished.
  if (options.offload === true) {
    poller.library.ioctlValue(descriptor, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
  }
  lengthenQueue(poller, name);
  return descriptor;
}

/** Best effort, and never shorter than somebody wanted it. */
function lengthenQueue(poller: Poller, name: Uint8Array): void {
  const { library } = poller;
  const request = new Uint8Array(INTERFACE_REQUEST_LEN);
  request.set(name);
  const length = new DataView(request.buffer);
  const descriptor = library.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  if (library.ioctl(descriptor, SIOCGIFTXQLEN, request) === 0 && length.getInt32(16, true) < QUEUE_FRAMES) {
    length.setInt32(16, QUEUE_FRAMES, true);
    library.ioctl(descriptor, SIOCSIFTXQLEN, request);
  }
  library.close(descriptor);
}

/**
 * Opens something in the network namespace at `path`: only this thread moves, and back again before anything else runs.
 *
 * @throws OrlopError `vnet.link-failed`
 */
export function inNamespace<T>(poller: Poller, path: string, open: () => T): T {
  let other: number;
  try {
    other = openSync(path, 'r');
  } catch (cause) {
    throw vnetError('vnet.link-failed', `cannot open the network namespace ${path}`, { cause });
  }
  const own = openSync('/proc/thread-self/ns/net', 'r');
  try {
    if (poller.library.setns(other, CLONE_NEWNET) < 0) {
      throw vnetError('vnet.link-failed', `cannot enter ${path} (errno ${poller.library.errno()})`, {
        hint: 'this needs CAP_SYS_ADMIN',
      });
    }
    try {
      return open();
    } finally {
      poller.library.setns(own, CLONE_NEWNET);
    }
  } finally {
    closeSync(own);
    closeSync(other);
  }
}

function failed(options: TapOptions, what: string, errno: number): Error {
  return vnetError('vnet.link-failed', `TAP interface "${options.name}": cannot ${what} (errno ${errno})`, {
    hint: 'this needs CAP_NET_ADMIN and /dev/net/tun',
  });
}
