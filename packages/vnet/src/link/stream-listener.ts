import { formatHostEndpoint } from '../host/endpoint-text.ts';
import {
  type HostEndpoint,
  type HostListener,
  type HostSockets,
  type HostStream,
  type HostStreamEvents,
  WOULD_BLOCK,
} from '../host/host-sockets.ts';
import { littleEndian16Framing, qemuFraming } from './framing.ts';
import type { Link } from './link.ts';
import { StreamLink } from './stream-link.ts';
import { type VpnkitGuest, VpnkitHandshake, type VpnkitVif } from './vpnkit-handshake.ts';

export interface StreamListenerOptions {
  readonly sockets: HostSockets;
  readonly mtu: number;
  readonly onLink: (link: Link) => void;
}

/** Listens for QEMU's stream netdevs: every connection is one guest. @throws OrlopError `vnet.bind-failed` */
export function listenQemu(endpoint: HostEndpoint, options: StreamListenerOptions): Promise<HostListener> {
  let count = 0;
  return options.sockets.listen(endpoint, (stream) => {
    const link = new StreamLink(stream, {
      kind: 'qemu',
      framing: qemuFraming,
      peer: `${formatHostEndpoint(endpoint)}#${++count}`,
      mtu: options.mtu,
    });
    options.onLink(link);
    return link;
  });
}

export interface VpnkitListenerOptions extends StreamListenerOptions {
  /** Names the guest's card, or says why it cannot join. */
  readonly admit: (guest: VpnkitGuest) => VpnkitVif | string;
  readonly onRefused: (reason: string) => void;
}

/** VPNKit's frames have a length of 16 bits. */
const VPNKIT_MAX_MTU = 65_535 - 18;

/** Listens for VPNKit's clients (hyperkit, vpnkit-tap-vsockd). @throws OrlopError `vnet.bind-failed` */
export function listenVpnkit(endpoint: HostEndpoint, options: VpnkitListenerOptions): Promise<HostListener> {
  return options.sockets.listen(endpoint, (stream) => greet(stream, endpoint, options));
}

function greet(stream: HostStream, endpoint: HostEndpoint, options: VpnkitListenerOptions): HostStreamEvents {
  const handshake = new VpnkitHandshake();
  let link: StreamLink | undefined;
  const refuse = (reason: string) => {
    options.onRefused(reason);
    stream.close();
  };
  stream.wantRead(true);
  return {
    onOpen: () => {},
    onWritable: () => link?.onWritable(),
    onFailed: (failure) => {
      if (link === undefined) options.onRefused(failure);
      else link.onFailed(failure);
    },
    onReadable: () => {
      if (link !== undefined) {
        link.onReadable();
        return;
      }
      const chunk = new Uint8Array(handshake.wanted);
      const count = stream.read(chunk);
      if (count === WOULD_BLOCK) return;
      if (count === 0) {
        refuse('the client left during the handshake');
        return;
      }
      const step = handshake.receive(chunk.subarray(0, count));
      switch (step.kind) {
        case 'more':
          return;
        case 'greet':
          stream.write(step.greeting);
          return;
        case 'failed':
          refuse(step.reason);
          return;
        case 'guest': {
          const vif = options.admit(step.guest);
          if (typeof vif === 'string') {
            stream.write(handshake.refuse(vif));
            refuse(vif);
            return;
          }
          const mtu = Math.min(vif.mtu, VPNKIT_MAX_MTU);
          stream.write(handshake.accept({ ...vif, mtu }));
          link = new StreamLink(stream, {
            kind: 'vpnkit',
            framing: littleEndian16Framing,
            peer: `${formatHostEndpoint(endpoint)} ${step.guest.uuid}`,
            mtu,
          });
          options.onLink(link);
          return;
        }
      }
    },
  };
}
