import {
  ARP_HEADER_LEN,
  ARP_REPLY,
  ARP_REQUEST,
  type ArpFields,
  ArpView,
  checkArp,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  emitArp,
  isGroupMac,
  MAC_BROADCAST,
  MAC_ZERO,
  type MacAddress,
} from '@orlop/wire';
import type { EthernetPort, EthernetReceiver } from '../ethernet.ts';
import { IpAddress } from '../ip/address.ts';
import { NeighbourCache } from './neighbour-cache.ts';

/** What ARP has to know about the addresses of the interface. */
export interface LocalAddresses {
  isLocal(address: IpAddress): boolean;
  /** The address of ours to speak to `destination` with. */
  sourceFor(destination: IpAddress): IpAddress | undefined;
}

/** ARP (RFC 826): answers for our addresses, asks for those of others. */
export class Arp implements EthernetReceiver {
  readonly neighbours: NeighbourCache;
  readonly counters = { requestsIn: 0, repliesIn: 0, malformed: 0 };
  readonly #ethernet: EthernetPort;
  readonly #local: LocalAddresses;

  constructor(dependencies: { readonly ethernet: EthernetPort; readonly local: LocalAddresses }) {
    this.#ethernet = dependencies.ethernet;
    this.#local = dependencies.local;
    this.neighbours = new NeighbourCache({
      ethernet: dependencies.ethernet,
      etherType: ETHERTYPE_IPV4,
      solicit: (address, known) => this.#request(address, known),
    });
    dependencies.ethernet.register(ETHERTYPE_ARP, this);
  }

  receive(bytes: Uint8Array, offset: number, end: number, _source: MacAddress, now: number): void {
    if (checkArp(bytes, offset, end) !== undefined) {
      this.counters.malformed++;
      return;
    }
    const mac = ArpView.senderMac(bytes, offset);
    const sender = IpAddress.v4(ArpView.senderIp(bytes, offset));
    const target = IpAddress.v4(ArpView.targetIp(bytes, offset));
    if (isGroupMac(mac) || mac === MAC_ZERO || this.#local.isLocal(sender)) {
      this.counters.malformed++;
      return;
    }
    const forUs = this.#local.isLocal(target);
    // RFC 826: who is known is updated by whatever it says; who asks for us will be spoken to.
    if (!sender.isUnspecified) this.neighbours.learn(sender, mac, now, forUs);
    if (ArpView.operation(bytes, offset) === ARP_REPLY) {
      this.counters.repliesIn++;
      return;
    }
    this.counters.requestsIn++;
    if (!forUs || ArpView.operation(bytes, offset) !== ARP_REQUEST) return;
    this.#send(mac, {
      operation: ARP_REPLY,
      senderMac: this.#ethernet.mac,
      senderIp: target.toIpv4(),
      targetMac: mac,
      targetIp: sender.toIpv4(),
    });
  }

  #request(address: IpAddress, known: MacAddress | undefined): void {
    const source = this.#local.sourceFor(address);
    if (source === undefined) return;
    this.#send(known ?? MAC_BROADCAST, {
      operation: ARP_REQUEST,
      senderMac: this.#ethernet.mac,
      senderIp: source.toIpv4(),
      targetMac: known ?? MAC_ZERO,
      targetIp: address.toIpv4(),
    });
  }

  #send(to: MacAddress, fields: ArpFields): void {
    this.#ethernet.enqueue({
      header: this.#ethernet.header(to, ETHERTYPE_ARP),
      length: ARP_HEADER_LEN,
      write: (into, at) => {
        emitArp(fields, into, at);
      },
    });
  }
}
