import { OrlopError, type Problem } from '@orlop/core';
import { IpAddress, IpPrefix } from '@orlop/netstack';
import { formatMac, isDnsName, isGroupMac, type MacAddress, parseMac } from '@orlop/wire';
import type { Boot, StaticLease } from './dhcp/leases.ts';
import { Zone, type ZoneConfig } from './dns/zone.ts';
import { vnetError } from './errors.ts';
import type { ForwardSpec } from './forward/forward.ts';
import { forwardId, parseForwards } from './forward/forward-text.ts';
import { compileRule, type PolicyConfig } from './nat/policy.ts';
import { type ProxyConfig, readProxyConfig } from './proxy/proxy-settings.ts';
import type { SchemaPath } from './schema/json-schema.ts';

/** A network as people write it (YAML or JSON); everything has a default. */
export interface NetworkConfig {
  /** @default 'default' */
  readonly name?: string;
  /** @default '192.168.127.0/24' */
  readonly subnet?: string;
  /** @default the first address of the subnet */
  readonly gateway?: string;
  /** The address behind which the host's loopback is, or false. @default the last address of the subnet */
  readonly host?: string | false;
  /** A /64 for the guests, or false. @default a unique local prefix */
  readonly ipv6?: string | false;
  /** Largest IP packet. @default 65520 */
  readonly mtu?: number;
  /** Guests are NAME.DOMAIN. @default 'orlop.internal' */
  readonly domain?: string;
  readonly search?: readonly string[];
  /** `ADDRESS` or `ADDRESS#PORT`; @default those of the host's resolv.conf */
  readonly dns?: readonly string[];
  /** Forward questions to the host's servers as they are, or ask the host itself (getaddrinfo). @default 'forward' */
  readonly resolver?: 'forward' | 'host';
  /** Zones with records of every usual type. */
  readonly zones?: readonly ZoneConfig[];
  /** Further names: each an address, or several. */
  readonly names?: Readonly<Record<string, string | readonly string[]>>;
  /** @default 86400 */
  readonly leaseSeconds?: number;
  readonly leases?: readonly {
    readonly mac: string;
    readonly address: string;
    readonly name?: string;
    readonly boot?: BootConfig;
  }[];
  /** What guests start from that have nothing else (PXE). @default nothing */
  readonly boot?: BootConfig;
  readonly forwards?: readonly string[];
  /** Networks behind guests (those of their containers), each with the guest that leads there. */
  readonly routes?: readonly { readonly to: string; readonly via: string }[];
  readonly policy?: PolicyConfig;
  /** The explicit proxy at http.docker.internal:3128 is always there; this says how it gets out. */
  readonly proxy?: ProxyConfig;
  /** Let guests reach 169.254.169.254 through the host. @default false */
  readonly metadataAccess?: boolean;
  /** Let guests reach the host by the addresses of its interfaces too, as any machine of its networks does. @default true */
  readonly hostAddresses?: boolean;
  /**
   * Keep guests from speaking for each other's addresses, for routers and for DHCP servers; for the gateway nobody else
   * ever speaks. @default true
   */
  readonly spoofGuard?: boolean;
  /** @default 'f6:16:36:' and three bytes of the network's name */
  readonly gatewayMac?: string;
}

export interface BootConfig {
  /** A name on the server, or a URL for who understands one (iPXE). */
  readonly file: string;
  /** TFTP server. @default the address behind which the host is */
  readonly server?: string;
}

/** The same, read and complete. */
export interface NetworkSettings {
  readonly name: string;
  readonly subnet: IpPrefix;
  readonly gateway: IpAddress;
  readonly host: IpAddress | undefined;
  readonly firstLease: IpAddress;
  readonly lastLease: IpAddress;
  readonly ipv6: Ipv6Settings | undefined;
  readonly mtu: number;
  readonly domain: string;
  readonly search: readonly string[];
  readonly dns: readonly { readonly address: IpAddress; readonly port: number }[] | undefined;
  readonly resolver: 'forward' | 'host';
  readonly zones: readonly ZoneConfig[];
  readonly names: ReadonlyMap<string, readonly IpAddress[]>;
  readonly leaseSeconds: number;
  readonly leases: readonly StaticLease[];
  readonly boot: Boot | undefined;
  readonly forwards: readonly ForwardSpec[];
  readonly routes: readonly { readonly to: string; readonly via: string }[];
  readonly policy: PolicyConfig;
  readonly proxy: ProxyConfig;
  readonly metadataAccess: boolean;
  readonly hostAddresses: boolean;
  readonly spoofGuard: boolean;
  readonly gatewayMac: MacAddress;
}

export interface Ipv6Settings {
  readonly prefix: IpPrefix;
  readonly gateway: IpAddress;
  readonly host: IpAddress | undefined;
}

const KEYS: Readonly<Record<keyof NetworkConfig, true>> = {
  name: true,
  subnet: true,
  gateway: true,
  host: true,
  ipv6: true,
  mtu: true,
  domain: true,
  search: true,
  dns: true,
  resolver: true,
  zones: true,
  names: true,
  leaseSeconds: true,
  leases: true,
  boot: true,
  forwards: true,
  routes: true,
  policy: true,
  proxy: true,
  metadataAccess: true,
  hostAddresses: true,
  spoofGuard: true,
  gatewayMac: true,
};

/** A field of 128 bytes and its end (RFC 2131 §2). */
const MAX_BOOT_FILE_LEN = 127;
/** Room for two guests at least. */
const MAX_SUBNET_LENGTH = 29;
/** Locally administered, and not a vendor's. */
const GATEWAY_MAC_PREFIX = 0x5a94_ef;

/**
 * Reads a configuration; all its problems are in the one error.
 *
 * @throws OrlopError `vnet.config-invalid`
 */
export function readNetworkConfig(config: NetworkConfig): NetworkSettings {
  const reader = new ConfigReader();
  const settings = reader.read(config);
  if (reader.problems.length > 0) {
    throw vnetError('vnet.config-invalid', 'the network cannot be configured so', {
      problems: reader.problems,
    });
  }
  return settings;
}

/** A problem, and where in the configuration it is: keys and indices from the root. */
export interface ConfigProblem extends Problem {
  readonly path: SchemaPath;
}

class ConfigReader {
  readonly problems: ConfigProblem[] = [];
  #path: SchemaPath = [];

  read(config: NetworkConfig): NetworkSettings {
    for (const key of Object.keys(config)) {
      if (!Object.hasOwn(KEYS, key))
        this.#problem(`unknown key "${key}"; there are ${Object.keys(KEYS).join(', ')}`, [key]);
    }
    const name = config.name ?? 'default';
    if (!/^[a-z0-9][a-z0-9_.-]{0,62}$/i.test(name))
      this.#problem(`name "${name}" has other than letters, digits, - _ .`, ['name']);
    const subnet = this.#at(['subnet'], () => this.#subnet(config.subnet ?? '192.168.127.0/24'));
    const base = subnet.address.w3 >>> 0;
    const last = base + 2 ** (32 - subnet.length) - 2;
    const inSubnet = (text: string | undefined, otherwise: number, what: string) => {
      if (text === undefined) return IpAddress.v4(otherwise);
      const address = this.#at([what], () => this.#address(text, what));
      if (!subnet.contains(address)) this.#problem(`${what} ${text} is not in ${subnet}`, [what]);
      return address;
    };
    const gateway = inSubnet(config.gateway, base + 1, 'gateway');
    const host = config.host === false ? undefined : inSubnet(config.host, last, 'host');
    if (host?.equals(gateway) === true) this.#problem(`host and gateway are both ${gateway}`, ['host']);
    const mtu = config.mtu ?? 65_520;
    if (!Number.isInteger(mtu) || mtu < 1280 || mtu > 65_520)
      this.#problem(`mtu ${mtu} is not 1280 to 65520`, ['mtu']);
    return {
      name,
      subnet,
      gateway,
      host,
      firstLease: IpAddress.v4(base + 2),
      lastLease: IpAddress.v4(last),
      ipv6: this.#at(['ipv6'], () => this.#ipv6(config, name)),
      mtu,
      domain: config.domain === '' ? '' : this.#domain(config.domain ?? 'orlop.internal', ['domain']),
      search: (config.search ?? []).map((text, i) => this.#domain(text, ['search', i])),
      dns: config.dns?.map((text, i) => this.#at(['dns', i], () => this.#server(text))),
      resolver: config.resolver ?? 'forward',
      zones: this.#zones(config),
      names: this.#names(config),
      leaseSeconds: config.leaseSeconds ?? 86_400,
      leases: this.#leases(config, { subnet, gateway, host }),
      boot: this.#boot(config.boot, host ?? gateway, ['boot']),
      forwards: this.#forwards(config),
      routes: this.#routes(config, subnet),
      policy: this.#policy(config),
      proxy: this.#proxy(config),
      metadataAccess: config.metadataAccess ?? false,
      hostAddresses: config.hostAddresses ?? true,
      spoofGuard: config.spoofGuard ?? true,
      gatewayMac:
        config.gatewayMac === undefined
          ? GATEWAY_MAC_PREFIX * 2 ** 24 + (hash(name) & 0xffffff)
          : this.#at(['gatewayMac'], () => this.#mac(config.gatewayMac ?? '')),
    };
  }

  #subnet(text: string): IpPrefix {
    const prefix = IpPrefix.parse(text);
    if (
      prefix === undefined ||
      prefix.address.version !== 4 ||
      prefix.length > MAX_SUBNET_LENGTH ||
      prefix.length < 8
    ) {
      this.#problem(`subnet "${text}" is not an IPv4 network such as 192.168.127.0/24`);
      return new IpPrefix(IpAddress.v4(0xc0a87f00), 24);
    }
    const network = IpAddress.v4(prefix.address.w3 & (-1 << (32 - prefix.length)));
    const first = network.w3 >>> 24;
    // This host, its loopback; groups, and what is reserved (RFC 6890).
    if (first === 0 || first === 127 || first >= 224)
      this.#problem(`no machine has an address of subnet "${text}"`);
    return new IpPrefix(network, prefix.length);
  }

  #domain(text: string, path: SchemaPath): string {
    // It goes into resolv.conf, where a space begins another.
    if (!isDnsName(text) || !/^[^\s.][^\s]*$/.test(text)) this.#problem(`"${text}" is no domain`, path);
    return text;
  }

  #leases(
    { leases = [] }: NetworkConfig,
    { subnet, gateway, host }: Pick<NetworkSettings, 'subnet' | 'gateway' | 'host'>,
  ): readonly StaticLease[] {
    const taken = new Set<string>();
    const once = (text: string, path: SchemaPath): void => {
      if (taken.has(text)) this.#problem(`${text} has a lease already`, path);
      taken.add(text);
    };
    return leases.map(({ mac: macText, address: addressText, name: hostName, boot: bootConfig }, i) => {
      const problems = this.problems.length;
      const mac = this.#at(['leases', i, 'mac'], () => this.#mac(macText));
      const address = this.#at(['leases', i, 'address'], () => this.#address(addressText, 'lease'));
      if (this.problems.length === problems) {
        once(formatMac(mac), ['leases', i, 'mac']);
        once(address.toString(), ['leases', i, 'address']);
        if (!subnet.contains(address))
          this.#problem(`${address} is not in ${subnet}`, ['leases', i, 'address']);
        if (address.equals(gateway) || host?.equals(address) === true)
          this.#problem(`${address} is the gateway's or the host's`, ['leases', i, 'address']);
      }
      const boot = this.#boot(bootConfig, host ?? gateway, ['leases', i, 'boot']);
      return {
        mac,
        address,
        ...(hostName !== undefined && { hostName }),
        ...(boot !== undefined && { boot }),
      };
    });
  }

  #boot(boot: BootConfig | undefined, host: IpAddress, path: SchemaPath): Boot | undefined {
    if (boot === undefined) return undefined;
    const { file, server: text } = boot;
    if (file === '' || file.includes('\0') || Buffer.byteLength(file) > MAX_BOOT_FILE_LEN)
      this.#problem(`the boot file has no 1 to ${MAX_BOOT_FILE_LEN} bytes`, [...path, 'file']);
    const server =
      text === undefined ? host : this.#at([...path, 'server'], () => this.#address(text, 'server'));
    if (server.version !== 4)
      this.#problem(`server ${server} is not of IPv4, as DHCP's is`, [...path, 'server']);
    return { file, server };
  }

  #forwards({ forwards = [] }: NetworkConfig): readonly ForwardSpec[] {
    const taken = new Set<string>();
    return forwards.flatMap((text, i) =>
      this.#at(['forwards', i], () => {
        const specs = this.#try(() => parseForwards(text), []);
        for (const id of specs.map(forwardId)) {
          // Port 0 is another one each time.
          if (taken.has(id) && !id.endsWith(':0')) this.#problem(`${id} is forwarded already`);
          taken.add(id);
        }
        return specs;
      }),
    );
  }

  #ipv6({ ipv6, host }: NetworkConfig, name: string): Ipv6Settings | undefined {
    if (ipv6 === false) return undefined;
    // RFC 4193: 40 bits of the global identifier, here from the network's name so that restarts keep them.
    const prefix = ipv6 === undefined ? ownPrefix(name) : IpPrefix.parse(ipv6);
    if (prefix === undefined || prefix.address.version !== 6 || prefix.length !== 64) {
      this.#problem(`ipv6 "${ipv6}" is not a prefix of 64 bits such as fd00:1:2:3::/64`);
      return undefined;
    }
    const { address } = prefix;
    if (address.isLinkLocal || address.isMulticast || (address.w0 === 0 && address.w1 === 0))
      this.#problem(`no machine has an address of ipv6 "${ipv6}"`);
    const { w0, w1 } = address;
    return {
      prefix: new IpPrefix(IpAddress.v6(w0, w1, 0, 0), 64),
      gateway: IpAddress.v6(w0, w1, 0, 1),
      host: host === false ? undefined : IpAddress.v6(w0, w1, 0, 0xfe),
    };
  }

  #names({ names }: NetworkConfig): ReadonlyMap<string, readonly IpAddress[]> {
    const read = new Map<string, readonly IpAddress[]>();
    for (const [name, value] of Object.entries(names ?? {})) {
      const texts = typeof value === 'string' ? [value] : value;
      read.set(
        name.toLowerCase().replace(/\.$/, ''),
        texts.map((text) => this.#at(['names', name], () => this.#address(text, `name ${name}`))),
      );
    }
    return read;
  }

  #zones({ zones = [] }: NetworkConfig): readonly ZoneConfig[] {
    return zones.filter((zone, i) => {
      const reads = (part: ZoneConfig, ...path: SchemaPath) =>
        this.#at(['zones', i, ...path], () => this.#try(() => new Zone(part), undefined)) !== undefined;
      const { records = [], patterns = [], ...head } = zone;
      if (!reads({ name: zone.name }, 'name') || !reads(head, 'defaultAddress')) return false;
      // One by one, so that each problem is told where it is.
      const whole = [
        ...records.map((record, j) => reads({ name: zone.name, records: [record] }, 'records', j)),
        ...patterns.map((one, j) => reads({ name: zone.name, patterns: [one] }, 'patterns', j)),
      ];
      return whole.every((is) => is) && reads(zone);
    });
  }

  #proxy({ proxy = {} }: NetworkConfig): ProxyConfig {
    for (const [key, value] of Object.entries(proxy)) {
      this.#at(['proxy', key], () => this.#try(() => readProxyConfig({ [key]: value }), undefined));
    }
    return proxy;
  }

  #routes({ routes = [] }: NetworkConfig, subnet: IpPrefix): NetworkSettings['routes'] {
    for (const [i, { to, via }] of routes.entries()) {
      const prefix = IpPrefix.parse(to);
      const guest = this.#at(['routes', i, 'via'], () => this.#address(via, 'via'));
      if (prefix === undefined || prefix.length === 0) {
        this.#problem(`"${to}" is not ADDRESS/LENGTH of a network`, ['routes', i, 'to']);
        continue;
      }
      if (prefix.address.version !== guest.version)
        this.#problem(`${via} and ${to} are of two versions of IP`, ['routes', i]);
      if (subnet.contains(prefix.address))
        this.#problem(`${to} is not behind a guest, but of ${subnet} itself`, ['routes', i, 'to']);
      if (guest.version === 4 && !subnet.contains(guest))
        this.#problem(`${via} is not in ${subnet}`, ['routes', i, 'via']);
    }
    return routes;
  }

  #policy({ policy = {} }: NetworkConfig): PolicyConfig {
    for (const [i, rule] of (policy.rules ?? []).entries()) {
      compileRule(rule, (key, message) => this.#problem(message, ['policy', 'rules', i, key]));
    }
    return policy;
  }

  #server(text: string): { readonly address: IpAddress; readonly port: number } {
    const [address = '', port = '53'] = text.split('#');
    if (!/^\d{1,5}$/.test(port) || Number(port) === 0 || Number(port) > 0xffff)
      this.#problem(`dns "${text}" is not ADDRESS or ADDRESS#PORT`);
    return { address: this.#address(address, 'dns'), port: Number(port) };
  }

  #address(text: string, what: string): IpAddress {
    const address = IpAddress.parse(text);
    if (address === undefined) this.#problem(`${what} "${text}" is no IP address`);
    return address ?? IpAddress.v4(0);
  }

  #mac(text: string): MacAddress {
    const mac = parseMac(text);
    if (mac === undefined) this.#problem(`"${text}" is no Ethernet address such as 5a:94:ef:00:00:02`);
    else if (isGroupMac(mac)) this.#problem(`"${text}" is the address of a group, not of a machine`);
    return mac ?? 0;
  }

  #try<T>(read: () => T, otherwise: T): T {
    try {
      return read();
    } catch (error) {
      const problems = error instanceof OrlopError ? error.problems : [];
      for (const { message } of problems) this.#problem(message);
      if (problems.length === 0) this.#problem(error instanceof Error ? error.message : String(error));
      return otherwise;
    }
  }

  /** What `read` finds wrong is wrong there. */
  #at<T>(path: SchemaPath, read: () => T): T {
    const outer = this.#path;
    this.#path = path;
    const value = read();
    this.#path = outer;
    return value;
  }

  #problem(message: string, path: SchemaPath = this.#path): void {
    this.problems.push({ message, path });
  }
}

function ownPrefix(name: string): IpPrefix {
  const h = hash(name);
  return new IpPrefix(IpAddress.v6(0xfd6f0000 | (h >>> 16), (h & 0xffff) << 16, 0, 0), 64);
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}
