import { IpAddress } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import type { ForwardSpec } from '../forward/forward.ts';
import { formatGuest, parseGuest } from '../forward/forward-text.ts';
import type { HostEndpoint } from '../host/host-sockets.ts';

/** A forward in VPNKit's words: *out* is where the host listens, *in* is in the guest. */
export interface VpnkitPort {
  readonly proto: 'tcp' | 'udp' | 'unix';
  readonly out_ip?: string;
  readonly out_port?: number;
  readonly out_path?: string;
  readonly in_ip?: string;
  readonly in_port?: number;
  readonly in_path?: string;
  readonly annotation?: string;
}

/**
 * A path of the guest needs VPNKit's multiplexer inside it; here `in_path` is a port of the guest where its own
 * forwarder listens.
 *
 * @throws OrlopError `vnet.request-invalid`
 */
export function vpnkitForward(body: VpnkitPort): ForwardSpec {
  const { proto, in_ip, in_port, in_path, out_path } = body;
  const port = in_port ?? Number(in_path ?? Number.NaN);
  if (!Number.isInteger(port) || port < 1) {
    throw vnetError('vnet.request-invalid', 'the inner side is no port of a guest', {
      hint: 'a path inside the guest cannot be reached without a forwarder there: give in_port',
    });
  }
  const guest = in_ip === undefined || isAnyGuest(in_ip) ? ({ kind: 'only' } as const) : parseGuest(in_ip);
  const base = { kind: 'to-guest', guest, port } as const;
  if (proto === 'unix') {
    if (out_path === undefined || out_path === '') {
      throw vnetError('vnet.request-invalid', 'out_path is missing');
    }
    return { ...base, protocol: 'tcp', listen: { kind: 'unix', path: out_path } };
  }
  return { ...base, protocol: proto, listen: outside(body) };
}

/** `tcp:0.0.0.0:8080:tcp:172.17.0.2:80`; unix paths are in base64. */
export function parsePort(text: string): ForwardSpec | undefined {
  const unix = /^unix:([A-Za-z0-9+/=]+):(?:unix:([A-Za-z0-9+/=]+)|tcp:([^:]*):(\d+))$/.exec(text);
  if (unix !== null) {
    const out_path = decode(unix[1]);
    const in_port = unix[4] === undefined ? undefined : Number(unix[4]);
    const in_ip = unix[3];
    return vpnkitForward({
      proto: 'unix',
      out_path,
      ...(in_ip !== undefined && { in_ip }),
      ...(in_port === undefined ? { in_path: decode(unix[2]) } : { in_port }),
    });
  }
  const match = /^(tcp|udp):(\[[^\]]+\]|[^:]*):(\d{1,5}):\1:(\[[^\]]+\]|[^:]*):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, proto, out_ip = '', outPort, in_ip = '', inPort] = match;
  return vpnkitForward({
    proto: proto === 'udp' ? 'udp' : 'tcp',
    out_ip,
    out_port: Number(outPort),
    in_ip,
    in_port: Number(inPort),
  });
}

/** The same, written; undefined for what VPNKit has no words for. */
export function portOf(spec: ForwardSpec): string | undefined {
  const described = vpnkitPortOf(spec);
  if (described === undefined) return undefined;
  const { proto, out_ip, out_port, out_path, in_ip, in_port } = described;
  if (proto === 'unix')
    return `unix:${Buffer.from(out_path ?? '').toString('base64')}:tcp:${in_ip}:${in_port}`;
  return `${proto}:${bracketed(out_ip)}:${out_port}:${proto}:${bracketed(in_ip)}:${in_port}`;
}

export function vpnkitPortOf(spec: ForwardSpec): VpnkitPort | undefined {
  if (spec.kind === 'to-host') return undefined;
  const { listen, guest, port, protocol } = spec;
  const inside = {
    in_ip: guest.kind === 'only' ? '0.0.0.0' : formatGuest(guest).replace(/[[\]]/g, ''),
    in_port: port,
  };
  if (listen.kind === 'unix') return { proto: 'unix', out_path: listen.path, ...inside };
  return { proto: protocol, out_ip: listen.address.toString(), out_port: listen.port, ...inside };
}

function outside({ out_ip = '0.0.0.0', out_port }: VpnkitPort): HostEndpoint {
  const address = out_ip === '' ? IpAddress.v4(0) : IpAddress.parse(out_ip.replace(/[[\]]/g, ''));
  if (address === undefined) throw vnetError('vnet.request-invalid', `out_ip "${out_ip}" is no IP address`);
  if (out_port === undefined) throw vnetError('vnet.request-invalid', 'out_port is missing');
  return { kind: 'ip', address, port: out_port };
}

/** VPNKit's clients name the container's address, or none at all, where there is one guest. */
function isAnyGuest(text: string): boolean {
  return text === '' || text === '0.0.0.0' || text === '::' || text === '127.0.0.1';
}

function bracketed(address: string | undefined): string {
  return address?.includes(':') === true ? `[${address}]` : (address ?? '');
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}
