import { IpAddress } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import type { ForwardSpec } from '../forward/forward.ts';
import { formatGuest, parseGuest } from '../forward/forward-text.ts';
import { formatHostEndpoint } from '../host/endpoint-text.ts';
import type { HostEndpoint } from '../host/host-sockets.ts';

/** `{"local": ":6443", "remote": "192.168.127.2:6443", "protocol": "tcp"}` */
export interface ExposeRequest {
  readonly local: string;
  readonly remote: string;
  readonly protocol?: string;
}

/** @throws OrlopError `vnet.request-invalid`, `vnet.bind-failed` */
export function parseExpose(request: ExposeRequest): ForwardSpec {
  const { local, remote, protocol = 'tcp' } = request;
  const { kind, listen } = parseLocal(local, protocol);
  const match = /^(?:tcp:\/\/)?(\[[^\]]+\]|[^:/]*):(\d{1,5})$/.exec(remote);
  const port = Number(match?.[2] ?? 0);
  if (match === null || port < 1 || port > 0xffff) {
    throw vnetError('vnet.request-invalid', `remote "${remote}" is not ADDRESS:PORT of a guest`, {
      hint: 'ssh-tunnel:// is not spoken here',
    });
  }
  return { kind: 'to-guest', protocol: kind, listen, guest: parseGuest(match[1]), port };
}

/** Where the host listens. @throws OrlopError `vnet.bind-failed`, as gvproxy finds it out by listening */
export function parseLocal(
  local: string,
  protocol: string,
): { readonly kind: 'tcp' | 'udp'; readonly listen: HostEndpoint } {
  switch (protocol) {
    case 'unix':
      if (local === '') throw vnetError('vnet.bind-failed', 'local is no path');
      return { kind: 'tcp', listen: { kind: 'unix', path: local.replace(/^unix:\/\//, '') } };
    case 'tcp':
    case 'udp': {
      const match = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(local);
      const address = addressOf(match?.[1] ?? '');
      const port = Number(match?.[2] ?? -1);
      if (address === undefined || port < 0 || port > 0xffff) {
        throw vnetError('vnet.bind-failed', `local "${local}" is not [ADDRESS]:PORT`);
      }
      return { kind: protocol, listen: { kind: 'ip', address, port } };
    }
    default:
      throw vnetError('vnet.bind-failed', `unknown protocol ${protocol}`);
  }
}

/** As gvproxy lists it; undefined for what it has no words for. */
export function exposedOf(spec: ForwardSpec): Required<ExposeRequest> | undefined {
  if (spec.kind === 'to-host') return undefined;
  const { listen, guest, port, protocol } = spec;
  const remote = `${guest.kind === 'only' ? '' : formatGuest(guest)}:${port}`;
  if (listen.kind === 'unix') return { local: listen.path, remote: `tcp://${remote}`, protocol: 'unix' };
  const { address } = listen;
  const local =
    address.isUnspecified && address.version === 4 ? `:${listen.port}` : formatHostEndpoint(listen);
  return { local, remote, protocol };
}

function addressOf(text: string): IpAddress | undefined {
  if (text === '') return IpAddress.v4(0);
  if (text === 'localhost') return IpAddress.v4(0x7f000001);
  return IpAddress.parse(text.replace(/^\[|\]$/g, ''));
}
