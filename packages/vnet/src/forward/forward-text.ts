import { IpAddress } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import { formatHostEndpoint } from '../host/endpoint-text.ts';
import type { HostEndpoint } from '../host/host-sockets.ts';
import { requireSocketPath } from '../host/socket-path.ts';
import { parsePorts } from '../nat/policy.ts';
import type { ForwardSpec, GuestTarget } from './forward.ts';

const LOOPBACK = IpAddress.v4(0x7f000001);
/** Docker's `-p` has no bound; a range beyond this is a slip of the pen. */
const MAX_RANGE = 1024;

/**
 * Reads a forward as people write it, and gives one for each port of a range:
 *
 *     8080:80                  127.0.0.1:8080 → port 80 of the only guest
 *     0.0.0.0:8080:web:80/udp  every address, UDP → port 80 of the guest "web"
 *     [::1]:8000-8009:8000-8009
 *     unix:/run/x.sock:web:80  a unix socket of the host → the guest; a colon of the path is written `\:`
 *     host:5000=unix:/run/y    port 5000 of the gateway → a unix socket of the host
 *     8080:80,proxy=2          tells the guest who its client is, by the PROXY protocol of that version
 *
 * @throws OrlopError `vnet.forward-invalid`, `vnet.path-too-long`
 */
export function parseForwards(text: string): readonly ForwardSpec[] {
  const option = /^(.+),proxy=([12])$/s.exec(text);
  if (option === null) return parsePlain(text);
  const proxyProtocol = option[2] === '1' ? 1 : 2;
  return parsePlain(option[1] ?? '').map((spec) => {
    if (spec.kind === 'to-guest' && spec.protocol === 'tcp') return { ...spec, proxyProtocol };
    throw vnetError('vnet.forward-invalid', `the forward "${text}" cannot tell who its client is`, {
      hint: 'the PROXY protocol is for tcp, and on the way to a guest',
    });
  });
}

/** What {@link parseForwards} reads again as this one forward. */
export function forwardText(spec: ForwardSpec): string {
  if (spec.kind === 'to-host') return `host:${spec.port}=${formatHostEndpoint(spec.target)}`;
  const { listen, guest, port, protocol, proxyProtocol } = spec;
  const target = guest.kind === 'only' ? `${port}` : `${formatGuest(guest)}:${port}`;
  const option = proxyProtocol === undefined ? '' : `,proxy=${proxyProtocol}`;
  if (listen.kind === 'unix') return `unix:${escapePath(listen.path)}:${target}${option}`;
  return `${formatHostEndpoint(listen)}:${target}/${protocol}${option}`;
}

function parsePlain(text: string): readonly ForwardSpec[] {
  const invalid = (why: string): never => {
    throw vnetError('vnet.forward-invalid', `the forward "${text}" ${why}`, {
      hint: 'write [ADDRESS:]HOSTPORT:[GUEST:]GUESTPORT[/udp], or unix:PATH:[GUEST:]GUESTPORT',
    });
  };
  const toHost = /^host:(\d+)=unix:(.+)$/.exec(text);
  if (toHost !== null) {
    const port = parsePorts(toHost[1] ?? '')?.[0] || invalid('has no port of the gateway');
    return [{ kind: 'to-host', protocol: 'tcp', port, target: socketAt(toHost[2]) }];
  }
  const [body = '', protocol = 'tcp', extra] = splitProtocol(text);
  if ((protocol !== 'tcp' && protocol !== 'udp') || extra !== undefined) {
    return invalid(`names the protocol "${protocol}": there are tcp and udp`);
  }
  const unix = /^unix:((?:[^:\\]|\\.)+):(.+)$/s.exec(body);
  if (unix !== null) {
    if (protocol === 'udp') return invalid('has a unix socket, which carries tcp only');
    const target = parseTarget(unix[2] ?? '') ?? invalid('names no port of the guest');
    if (target.low !== target.high) return invalid('leads one socket to several ports');
    const listen = socketAt(unescapePath(unix[1]));
    return [{ kind: 'to-guest', protocol, listen, guest: target.guest, port: target.low }];
  }
  const match = /^(?:(\[[^\]]*\]|[^:[\]]*):)?(\d+(?:-\d+)?):(?:(\[[^\]]+\]|[^:]+):)?(\d+(?:-\d+)?)$/.exec(
    body,
  );
  if (match === null) return invalid('cannot be read');
  // `a:1:2` is ADDRESS:HOST:GUEST when a is an address, and there is no other reading.
  const address = parseBind(match[1]) ?? invalid(`binds "${match[1]}", which is no address`);
  const host = parsePorts(match[2] ?? '') ?? invalid(`has the host port ${match[2]}`);
  const target = parseTarget(`${match[3] === undefined ? '' : `${match[3]}:`}${match[4]}`);
  if (target === undefined) return invalid('names no port of the guest');
  const count = host[1] - host[0];
  if (count !== target.high - target.low) return invalid('has ranges of different length');
  if (host[0] === 0 && count > 0) return invalid('begins its range at port 0, which stands for any');
  if (count >= MAX_RANGE) return invalid(`has more than ${MAX_RANGE} ports`);
  return Array.from({ length: count + 1 }, (_, i) => ({
    kind: 'to-guest' as const,
    protocol,
    listen: { kind: 'ip' as const, address, port: host[0] + i },
    guest: target.guest,
    port: target.low + i,
  }));
}

/** `tcp:127.0.0.1:8080`: what tells forwards apart. */
export function forwardId(spec: ForwardSpec): string {
  return spec.kind === 'to-host'
    ? `gateway:${spec.port}`
    : `${spec.protocol}:${formatHostEndpoint(spec.listen)}`;
}

/** As tables show it: `tcp 127.0.0.1:8080 → web:80`. */
export function formatForward(spec: ForwardSpec): string {
  if (spec.kind === 'to-host') return `tcp gateway:${spec.port} → ${formatHostEndpoint(spec.target)}`;
  return `${spec.protocol} ${formatHostEndpoint(spec.listen)} → ${formatGuest(spec.guest)}:${spec.port}`;
}

export function formatGuest(target: GuestTarget): string {
  switch (target.kind) {
    case 'address':
      return target.address.version === 4 ? `${target.address}` : `[${target.address}]`;
    case 'name':
      return target.name;
    case 'only':
      return 'the guest';
    case 'nobody':
      return 'nobody';
  }
}

function splitProtocol(text: string): string[] {
  return text.startsWith('unix:') ? [text] : text.split('/');
}

/** What a path has and the text needs for itself: the colon, and the backslash before it. */
function escapePath(path: string): string {
  return path.replace(/[\\:]/g, '\\$&');
}

function unescapePath(text = ''): string {
  return text.replace(/\\([\\:])/g, '$1');
}

function socketAt(path = ''): HostEndpoint {
  requireSocketPath(path);
  return { kind: 'unix', path };
}

function parseBind(text: string | undefined): IpAddress | undefined {
  if (text === undefined) return LOOPBACK;
  if (text === '' || text === '*') return IpAddress.v4(0);
  return IpAddress.parse(text.replace(/^\[|\]$/g, ''));
}

function parseTarget(
  text: string,
): { readonly guest: GuestTarget; readonly low: number; readonly high: number } | undefined {
  const match = /^(?:(\[[^\]]+\]|[^:]+):)?(\d+(?:-\d+)?)$/.exec(text);
  const ports = match?.[2] === undefined ? undefined : parsePorts(match[2]);
  if (match === null || ports === undefined || ports[0] === 0) return undefined;
  return { guest: parseGuest(match[1]), low: ports[0], high: ports[1] };
}

export function parseGuest(text: string | undefined): GuestTarget {
  if (text === undefined || text === '') return { kind: 'only' };
  const address = IpAddress.parse(text.replace(/^\[|\]$/g, ''));
  return address === undefined ? { kind: 'name', name: text } : { kind: 'address', address };
}
