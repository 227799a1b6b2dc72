import { IpAddress } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import type { HostEndpoint } from '../host/host-sockets.ts';

/** A place where guests plug in, or a cable that is there at once. */
export type LinkSpec =
  /** QEMU's `-netdev stream,server=off` (or `-netdev socket,connect=`). */
  | { readonly kind: 'qemu'; readonly endpoint: HostEndpoint }
  | { readonly kind: 'vpnkit'; readonly endpoint: HostEndpoint }
  /** SOCK_SEQPACKET with bare frames (passt and gvproxy's "bess"). */
  | { readonly kind: 'bess'; readonly path: string }
  /** vfkit's unix datagram socket: who sends first is the guest. */
  | { readonly kind: 'vfkit'; readonly path: string }
  /** QEMU's `-netdev dgram`: our path and theirs. */
  | { readonly kind: 'qemu-dgram'; readonly localPath: string; readonly remotePath: string }
  | { readonly kind: 'tap'; readonly name: string; readonly namespace: string | undefined }
  /** Frames with 16-bit lengths on standard input and output. */
  | { readonly kind: 'stdio' };

const FORMS =
  'a path, qemu:PATH, qemu:ADDRESS:PORT, vpnkit:PATH, bess:PATH, vfkit:PATH, dgram:OWN_PATH,PEER_PATH, tap:NAME[@NAMESPACE] or stdio';

/** @throws OrlopError `vnet.config-invalid` */
export function parseLinkSpec(text: string): LinkSpec {
  const colon = text.indexOf(':');
  const scheme = colon < 0 ? '' : text.slice(0, colon);
  const rest = text.slice(colon + 1);
  switch (scheme) {
    case 'unix':
    case 'qemu':
      return { kind: 'qemu', endpoint: parseEndpoint(rest, text) };
    case 'vpnkit':
      return { kind: 'vpnkit', endpoint: parseEndpoint(rest, text) };
    case 'bess':
    case 'vfkit':
      return { kind: scheme, path: rest };
    case 'dgram': {
      const [localPath, remotePath, more] = rest.split(',');
      if (!localPath || !remotePath || more !== undefined) throw unknown(text);
      return { kind: 'qemu-dgram', localPath, remotePath };
    }
    case 'tap': {
      const [name = '', namespace] = rest.split('@');
      return { kind: 'tap', name, namespace: namespaceOf(namespace) };
    }
    case '':
      if (text === 'stdio') return { kind: 'stdio' };
      if (text.includes('/')) return { kind: 'qemu', endpoint: { kind: 'unix', path: text } };
      throw unknown(text);
    default:
      if (text.startsWith('/') || text.startsWith('./')) {
        return { kind: 'qemu', endpoint: { kind: 'unix', path: text } };
      }
      throw unknown(text);
  }
}

/** A name as `ip netns` has it, or a path. */
function namespaceOf(text: string | undefined): string | undefined {
  return text === undefined || text.includes('/') ? text : `/run/netns/${text}`;
}

function parseEndpoint(text: string, whole: string): HostEndpoint {
  const match = /^\[?([0-9a-fA-F.:]+)\]?:(\d{1,5})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : IpAddress.parse(match[1]);
  if (address !== undefined) return { kind: 'ip', address, port: Number(match?.[2]) };
  if (text === '') throw unknown(whole);
  return { kind: 'unix', path: text };
}

function unknown(text: string): Error {
  return vnetError('vnet.config-invalid', `"${text}" is no place for guests to plug in`, {
    hint: `write ${FORMS}`,
  });
}
