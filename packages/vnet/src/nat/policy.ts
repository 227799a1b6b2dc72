import { type IpAddress, IpPrefix } from '@orlop/netstack';
import { vnetError } from '../errors.ts';

/** One rule of outbound traffic; every part that is absent matches all. The first rule that matches decides. */
export interface PolicyRule {
  readonly action: 'allow' | 'deny';
  /** @default both */
  readonly protocol?: 'tcp' | 'udp' | 'icmp';
  /** `10.0.0.0/8`, `fd00::/8` or one address. */
  readonly to?: string;
  /** `443`, `8000-8100`. */
  readonly ports?: string | number;
  /** A name that the gateway's DNS answered with that address: `example.com`, `*.example.com`. */
  readonly name?: string;
  /** Guests by address or prefix. */
  readonly from?: string;
}

export interface PolicyConfig {
  /** What happens to traffic that no rule matches. @default 'allow' */
  readonly default?: 'allow' | 'deny';
  readonly rules?: readonly PolicyRule[];
}

export interface OutboundRequest {
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly guest: IpAddress;
  readonly destination: IpAddress;
  /** 0 for icmp. */
  readonly port: number;
  /** Where the guest said itself what it means (a proxy's clients do). @default the names of the address */
  readonly name?: string;
}

/** The names under which guests learned an address; the DNS service knows. */
export type NamesOf = (address: IpAddress) => readonly string[];

interface CompiledRule {
  readonly rule: PolicyRule;
  readonly to: IpPrefix | undefined;
  readonly from: IpPrefix | undefined;
  readonly low: number;
  readonly high: number;
  readonly name: string | undefined;
}

/** What guests may reach. */
export class OutboundPolicy {
  readonly #rules: readonly CompiledRule[];
  readonly #default: 'allow' | 'deny';
  readonly #namesOf: NamesOf;
  /** Requests that were denied. */
  denied = 0;

  /** @throws OrlopError `vnet.config-invalid` with a problem for each rule that cannot be read. */
  constructor(config: PolicyConfig, namesOf: NamesOf = () => []) {
    const problems: { message: string }[] = [];
    this.#rules = (config.rules ?? []).map((rule, index) =>
      compileRule(rule, (_, message) => problems.push({ message: `policy rule ${index + 1}: ${message}` })),
    );
    if (problems.length > 0) {
      throw vnetError('vnet.config-invalid', 'the outbound policy has rules that cannot be read', {
        problems,
      });
    }
    this.#default = config.default ?? 'allow';
    this.#namesOf = namesOf;
  }

  allows(request: OutboundRequest): boolean {
    const action = this.#rules.find((rule) => this.#matches(rule, request))?.rule.action ?? this.#default;
    if (action === 'deny') this.denied++;
    return action === 'allow';
  }

  #matches(compiled: CompiledRule, request: OutboundRequest): boolean {
    const { rule, to, from, low, high, name } = compiled;
    if (rule.protocol !== undefined && rule.protocol !== request.protocol) return false;
    if (rule.ports !== undefined && (request.port < low || request.port > high)) return false;
    if (to !== undefined && !to.contains(request.destination)) return false;
    if (from !== undefined && !from.contains(request.guest)) return false;
    if (name === undefined) return true;
    const names = request.name === undefined ? this.#namesOf(request.destination) : [request.name];
    return names.some((known) => matchesName(name, known));
  }
}

/** Reads a rule; what is wrong is told by its key. */
export function compileRule(
  rule: PolicyRule,
  problem: (key: 'ports' | 'to' | 'from', message: string) => void,
): CompiledRule {
  const ports = rule.ports === undefined ? [0, 65_535] : parsePorts(String(rule.ports));
  if (ports === undefined) problem('ports', `ports "${rule.ports}" is neither a port nor FIRST-LAST`);
  const prefixOf = (text: string | undefined, what: 'to' | 'from'): IpPrefix | undefined => {
    if (text === undefined) return undefined;
    const bits = text.includes(':') ? 128 : 32;
    const prefix = IpPrefix.parse(text.includes('/') ? text : `${text}/${bits}`);
    if (prefix === undefined) problem(what, `${what} "${text}" is neither an address nor ADDRESS/LENGTH`);
    return prefix;
  };
  return {
    rule,
    to: prefixOf(rule.to, 'to'),
    from: prefixOf(rule.from, 'from'),
    low: ports?.[0] ?? 0,
    high: ports?.[1] ?? 65_535,
    name: rule.name?.toLowerCase().replace(/\.$/, ''),
  };
}

/** `80` or `8000-8100`, both ends included. */
export function parsePorts(text: string): readonly [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const low = Number(match[1]);
  const high = Number(match[2] ?? match[1]);
  return low <= high && high <= 65_535 ? [low, high] : undefined;
}

/** `*.example.com` stands for every name below example.com, and not for it. */
function matchesName(pattern: string, name: string): boolean {
  const plain = name.toLowerCase().replace(/\.$/, '');
  return pattern.startsWith('*.') ? plain.endsWith(pattern.slice(1)) : plain === pattern;
}
