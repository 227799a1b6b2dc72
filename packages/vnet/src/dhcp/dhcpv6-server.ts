import { IpAddress, type IpPrefix, type UdpDatagram, type UdpService, type UdpSocket } from '@orlop/netstack';
import {
  DHCPV6_NO_ADDRESSES,
  DHCPV6_NO_BINDING,
  DHCPV6_NO_PREFIX,
  DHCPV6_NOT_ON_LINK,
  DHCPV6_OPTION_SOL_MAX_RT,
  DHCPV6_SERVER_PORT,
  DHCPV6_SUCCESS,
  type Dhcpv6Fields,
  type Dhcpv6IdentityAssociation,
  type Dhcpv6Option,
  dhcpv6Length,
  emitDhcpv6,
  type Ipv6Address,
  parseDhcpv6,
} from '@orlop/wire';

export interface Dhcpv6ServerOptions {
  readonly udp: UdpService;
  readonly mac: Uint8Array;
  /** What addresses of this link begin with. */
  readonly prefix: IpPrefix;
  readonly dnsServers: readonly Ipv6Address[];
  readonly searchDomains: readonly string[];
}

type Answer = Pick<Dhcpv6Fields, 'messageType' | 'options'>;

/** As long as a client may be told to wait between questions that bring it nothing, in seconds (RFC 8415 §21.24). */
const SOL_MAX_RT: Dhcpv6Option = { kind: 'sol-max-rt', seconds: 86_400 };
/** DUID-LL of an Ethernet address (RFC 8415 §11.4). */
const DUID_LINK_LAYER = [0, 3, 0, 1];

/**
 * Stateless DHCPv6 (RFC 8415 §18.3): addresses come from advertisements. Who asks for leases all the same is told at
 * once that there are none, with what there is to be told besides: silence looks like no server at all.
 */
export class Dhcpv6Server {
  readonly counters = { answered: 0, ignored: 0 };
  readonly #socket: UdpSocket;
  readonly #duid: Uint8Array;
  readonly #prefix: IpPrefix;
  readonly #configuration: readonly Dhcpv6Option[];

  constructor(options: Dhcpv6ServerOptions) {
    const { dnsServers: servers, searchDomains: domains } = options;
    this.#duid = Uint8Array.from([...DUID_LINK_LAYER, ...options.mac]);
    this.#prefix = options.prefix;
    this.#configuration = [
      ...(servers.length > 0 ? [{ kind: 'dns-servers' as const, servers }] : []),
      ...(domains.length > 0 ? [{ kind: 'domain-list' as const, domains }] : []),
    ];
    this.#socket = options.udp.bind(
      { port: DHCPV6_SERVER_PORT },
      { onDatagram: (datagram) => this.#receive(datagram) },
    );
  }

  close(): void {
    this.#socket.close();
  }

  #receive({ bytes, remote }: UdpDatagram): void {
    const request = parseDhcpv6(bytes, 0, bytes.length);
    const reply = typeof request === 'string' ? undefined : this.#reply(request);
    if (reply === undefined) {
      this.counters.ignored++;
      return;
    }
    const into = new Uint8Array(dhcpv6Length(reply));
    emitDhcpv6(reply, into, 0);
    this.counters.answered++;
    this.#socket.send(into, remote);
  }

  /** Undefined where silence is the answer. */
  #reply(request: Dhcpv6Fields): Dhcpv6Fields | undefined {
    const answer = this.#isForUs(request) ? this.#answer(request) : undefined;
    if (answer === undefined) return undefined;
    const clientId = request.options.find((option) => option.kind === 'client-id');
    return {
      messageType: answer.messageType,
      transactionId: request.transactionId,
      options: [
        { kind: 'server-id', duid: this.#duid },
        ...(clientId === undefined ? [] : [clientId]),
        ...answer.options,
      ],
    };
  }

  /** Which messages a server discards (RFC 8415 §16.2, §16.4 to §16.9, §16.12). */
  #isForUs({ messageType, options }: Dhcpv6Fields): boolean {
    const server = options.find((option) => option.kind === 'server-id');
    const isOurs = server?.kind === 'server-id' && sameBytes(server.duid, this.#duid);
    const hasClient = options.some((option) => option.kind === 'client-id');
    switch (messageType) {
      case 'solicit':
      case 'confirm':
      case 'rebind':
        return hasClient && server === undefined;
      case 'request':
      case 'renew':
      case 'release':
      case 'decline':
        return hasClient && isOurs;
      case 'information-request':
        return (server === undefined || isOurs) && !options.some(isAssociation);
      default:
        return false;
    }
  }

  #answer({ messageType, options }: Dhcpv6Fields): Answer | undefined {
    const associations = options.filter(isAssociation);
    switch (messageType) {
      case 'solicit':
      case 'request':
        // §18.3.9, §18.3.2; without a lease to commit, rapid commit is no matter.
        return {
          messageType: messageType === 'solicit' ? 'advertise' : 'reply',
          options: [
            ...associations.map(withoutLease),
            // Only who asks for it may be told (§21.24); otherwise it comes again every hour at least.
            ...(asksFor(options, DHCPV6_OPTION_SOL_MAX_RT) ? [SOL_MAX_RT] : []),
            ...this.#configuration,
          ],
        };
      case 'confirm':
        return this.#confirm(associations);
      case 'renew':
      case 'rebind':
        return {
          messageType: 'reply',
          options: [...associations.map((one) => this.#unbound(one)), ...this.#configuration],
        };
      case 'release':
      case 'decline':
        // §18.3.7, §18.3.8: the message as such succeeds, whatever it names.
        return {
          messageType: 'reply',
          options: [status(DHCPV6_SUCCESS, ''), ...associations.map((one) => this.#unbound(one))],
        };
      default:
        return { messageType: 'reply', options: this.#configuration };
    }
  }

  /** §18.3.3: whether the addresses are of this link; about none there is nothing to say. */
  #confirm(associations: readonly Dhcpv6IdentityAssociation[]): Answer | undefined {
    const addresses = associations.flatMap(({ options }) => options).filter(isIaAddress);
    if (addresses.length === 0) return undefined;
    const onLink = addresses.every(({ address }) => this.#isOnLink(address));
    const answer = onLink
      ? status(DHCPV6_SUCCESS, 'all addresses are of this link')
      : status(DHCPV6_NOT_ON_LINK, 'an address is of another link');
    return { messageType: 'reply', options: [answer] };
  }

  /** §18.3.4, §18.3.5: addresses of another link end now; of others there is no record. */
  #unbound(association: Dhcpv6IdentityAssociation): Dhcpv6IdentityAssociation {
    const foreign = association.options.filter(isIaAddress).filter(({ address }) => !this.#isOnLink(address));
    const options =
      foreign.length > 0
        ? foreign.map((one) => ({ ...one, preferred: 0, valid: 0, options: [] }))
        : [status(DHCPV6_NO_BINDING, 'nothing is leased here')];
    return { ...association, renewAfter: 0, rebindAfter: 0, options };
  }

  #isOnLink(address: Ipv6Address): boolean {
    return this.#prefix.contains(IpAddress.fromIpv6(address));
  }
}

function isAssociation(option: Dhcpv6Option): option is Dhcpv6IdentityAssociation {
  return option.kind === 'ia-na' || option.kind === 'ia-ta' || option.kind === 'ia-pd';
}

function asksFor(options: readonly Dhcpv6Option[], code: number): boolean {
  return options.some((option) => option.kind === 'option-request' && option.codes.includes(code));
}

function isIaAddress(option: Dhcpv6Option): option is Extract<Dhcpv6Option, { kind: 'ia-address' }> {
  return option.kind === 'ia-address';
}

function withoutLease(association: Dhcpv6IdentityAssociation): Dhcpv6IdentityAssociation {
  const answer =
    association.kind === 'ia-pd'
      ? status(DHCPV6_NO_PREFIX, 'no prefixes are delegated here')
      : status(DHCPV6_NO_ADDRESSES, 'addresses come from router advertisements');
  return { ...association, renewAfter: 0, rebindAfter: 0, options: [answer] };
}

function status(code: number, message: string): Dhcpv6Option {
  return { kind: 'status', status: code, message };
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
