import {
  ARP_REPLY,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
  emitArp,
  emitEthernet,
  emitIcmpv6,
  emitIpv6,
  formatFrame,
  type Icmpv6Fields,
  type Ipv6Address,
  icmpv6Length,
  PROTOCOL_FRAGMENT,
  PROTOCOL_HOP_BY_HOP,
  PROTOCOL_ICMPV6,
  PROTOCOL_UDP,
} from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import type { NetworkConfig } from '../config.ts';
import { readMacKey } from '../switch/mac-table.ts';
import { ip, type TestGuest, type TestNetwork, testNetwork } from '../testing/test-network.ts';

const ATTACKER_MAC = 0x5254_0000_0002;
const VICTIM_MAC = 0x5254_0000_0003;
const BROADCAST = 0xffff_ffff_ffff;
const GATEWAY = '192.168.127.1';
const VICTIM = '192.168.127.3';
const wire6 = (text: string): Ipv6Address => ip(text).toIpv6();

/** An attacker, a victim with a lease, and a bystander that hears what passes the switch. */
function segment(config: NetworkConfig = {}) {
  const net = testNetwork({ ipv6: 'fd00:1::/64', leases: [leaseOf(VICTIM, VICTIM_MAC)], ...config });
  const [attacker, victim, bystander] = [net.plug(2), net.plug(3), net.plug(4)];
  // Who is to be protected has to be plugged in and heard.
  victim.link.sendFrame(arp({ sender: VICTIM, mac: VICTIM_MAC }));
  net.scheduler.advance(5);
  return { net, attacker, victim, bystander };
}

const leaseOf = (address: string, mac: number) => ({
  address,
  mac: mac
    .toString(16)
    .padStart(12, '0')
    .replace(/(..)(?!$)/g, '$1:'),
});

interface ArpClaim {
  readonly sender: string;
  readonly mac?: number;
  /** Of an 802.1Q tag. */
  readonly vlan?: number;
}

function arp({ sender, mac = ATTACKER_MAC, vlan }: ArpClaim): Uint8Array {
  const tag =
    vlan === undefined ? [] : [ETHERTYPE_VLAN >>> 8, ETHERTYPE_VLAN & 0xff, vlan >>> 8, vlan & 0xff];
  const frame = new Uint8Array(64);
  emitEthernet({ destination: BROADCAST, source: mac, etherType: ETHERTYPE_ARP }, frame, 0);
  frame.copyWithin(12 + tag.length, 12, 14);
  frame.set(tag, 12);
  const senderIp = ip(sender).w3 >>> 0;
  const claim = { operation: ARP_REPLY, senderMac: mac, senderIp, targetMac: 0, targetIp: senderIp } as const;
  emitArp(claim, frame, 14 + tag.length);
  return frame;
}

/** An ICMPv6 message, or another payload, to all nodes. */
/** @param before an extension header of eight bytes that goes before it */
function packet6(
  source: string,
  payload: Icmpv6Fields | Uint8Array,
  { before }: { readonly before?: number } = {},
): Uint8Array {
  const isMessage = !(payload instanceof Uint8Array);
  const length = isMessage ? icmpv6Length(payload) : payload.length;
  const extension = before === undefined ? 0 : 8;
  const frame = new Uint8Array(14 + 40 + extension + length);
  emitEthernet({ destination: 0x3333_0000_0001, source: ATTACKER_MAC, etherType: ETHERTYPE_IPV6 }, frame, 0);
  const protocol = isMessage ? PROTOCOL_ICMPV6 : PROTOCOL_UDP;
  const fields = { trafficClass: 0, flowLabel: 0, payloadLength: extension + length, hopLimit: 255 };
  const addresses = { source: wire6(source), destination: wire6('ff02::1') };
  emitIpv6({ ...fields, ...addresses, nextHeader: before ?? protocol }, frame, 14);
  if (before === PROTOCOL_HOP_BY_HOP) frame.set([protocol, 0, 1, 4, 0, 0, 0, 0], 54);
  if (before === PROTOCOL_FRAGMENT) frame.set([protocol, 0, 0, 0, 0, 0, 0, 9], 54);
  if (isMessage) emitIcmpv6(payload, frame, 54 + extension);
  else frame.set(payload, 54 + extension);
  return frame;
}

const advertisement = (target: string): Icmpv6Fields => ({
  kind: 'neighbor-advertisement',
  target: wire6(target),
  router: false,
  solicited: false,
  override: true,
  options: [{ kind: 'target-link-layer', mac: ATTACKER_MAC }],
});

const ROUTER: Icmpv6Fields = {
  kind: 'router-advertisement',
  hopLimit: 64,
  managed: false,
  otherConfiguration: false,
  preference: 'high',
  lifetime: 1800,
  reachableTimeMs: 0,
  retransmitTimerMs: 0,
  options: [],
};

/** A datagram of UDP between two ports, without a payload. */
const udp = (source: number, destination: number) =>
  Uint8Array.of(source >>> 8, source & 0xff, destination >>> 8, destination & 0xff, 0, 8, 0, 0);

/** @param fragment the field of flags and offset */
function dhcpOffer(fragment = 0): Uint8Array {
  const frame = new Uint8Array(14 + 20 + 8);
  emitEthernet({ destination: BROADCAST, source: ATTACKER_MAC, etherType: 0x0800 }, frame, 0);
  frame.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, PROTOCOL_UDP, 0, 0, 192, 168, 127, 2, 255, 255, 255, 255], 14);
  frame.set([fragment >>> 8, fragment & 0xff], 20);
  frame.set(udp(67, 68), 34);
  return frame;
}

/** How many of the attacker's frames reach the bystander, and how many are counted as dropped. */
function passed({ net, attacker }: { net: TestNetwork; attacker: TestGuest }, frame: Uint8Array): string {
  const ports = [...net.network.segment.ports()];
  const port = ports[0];
  const bystander = ports.at(-1);
  let heard = 0;
  const dropped = port?.drops['spoofed-address'] ?? 0;
  net.network.segment.observer = {
    onFrame: (to, direction, bytes, offset) => {
      if (to === bystander && direction === 'out' && readMacKey(bytes, offset + 6) === ATTACKER_MAC) heard++;
    },
  };
  attacker.link.sendFrame(frame);
  net.scheduler.advance(5);
  return `heard ${heard}, dropped ${(port?.drops['spoofed-address'] ?? 0) - dropped}`;
}

const FORGED: readonly [string, () => Uint8Array][] = [
  ['the gateway’s address by ARP', () => arp({ sender: GATEWAY })],
  ['the host’s address by ARP', () => arp({ sender: '192.168.127.254' })],
  ['the gateway’s address behind a tag of VLAN 0', () => arp({ sender: GATEWAY, vlan: 0 })],
  ['the gateway’s address by an advertisement', () => packet6('fe80::2', advertisement('fd00:1::1'))],
  [
    'the same behind hop-by-hop options',
    () => packet6('fe80::2', advertisement('fd00:1::1'), { before: PROTOCOL_HOP_BY_HOP }),
  ],
];
const FORGED_OF_GUESTS: readonly [string, () => Uint8Array][] = [
  ['another guest’s leased address by ARP', () => arp({ sender: VICTIM })],
  ['the same behind a tag of VLAN 0', () => arp({ sender: VICTIM, vlan: 0 })],
  ['a router’s advertisement', () => packet6('fe80::2', ROUTER)],
  ['the same behind hop-by-hop options', () => packet6('fe80::2', ROUTER, { before: PROTOCOL_HOP_BY_HOP })],
  ['the same as the only fragment', () => packet6('fe80::2', ROUTER, { before: PROTOCOL_FRAGMENT })],
  ['a DHCP server’s offer', () => dhcpOffer()],
  ['the first part of one', () => dhcpOffer(0x2000)],
  ['a DHCPv6 server’s answer', () => packet6('fe80::2', udp(547, 546))],
];
const HONEST: readonly [string, () => Uint8Array][] = [
  ['its own address by ARP', () => arp({ sender: '192.168.127.2' })],
  ['a later part of a datagram that happens to look like an offer', () => dhcpOffer(185)],
  ['an address that is nobody’s lease', () => arp({ sender: '192.168.127.200' })],
  ['its own address by an advertisement', () => packet6('fe80::2', advertisement('fd00:1::2'))],
  [
    'a question whether an address is taken',
    () =>
      packet6('::', {
        kind: 'neighbor-solicitation',
        target: wire6('fd00:1::1'),
        options: [],
      }),
  ],
];

describe('NeighbourGuard', () => {
  it.each([...FORGED, ...FORGED_OF_GUESTS])(
    'drops and counts what a guest says that is not its own: %s',
    (_, frame) => {
      expect(passed(segment(), frame())).toBe('heard 0, dropped 1');
    },
  );

  it.each(HONEST)('lets pass %s', (_, frame) => {
    expect(passed(segment(), frame())).toBe('heard 1, dropped 0');
  });

  it.each(FORGED)(
    'keeps others from speaking for the gateway even where spoofGuard is false: %s',
    (_, frame) => {
      expect(passed(segment({ spoofGuard: false }), frame())).toBe('heard 0, dropped 1');
    },
  );

  it.each(FORGED_OF_GUESTS)('leaves guests to each other where spoofGuard is false: %s', (_, frame) => {
    expect(passed(segment({ spoofGuard: false }), frame())).toBe('heard 1, dropped 0');
  });

  it('gives an IPv6 address to who said first that it has it, until that one is unplugged', () => {
    const all = segment();
    const claim = packet6('fe80::3', advertisement('fd00:1::3'));
    const victims = Uint8Array.from(claim);
    victims.set([0x52, 0x54, 0, 0, 0, 3], 6);
    all.victim.link.sendFrame(victims);
    all.net.scheduler.advance(5);
    expect(passed(all, claim)).toBe('heard 0, dropped 1');
    const [, port] = [...all.net.network.segment.ports()];
    if (port !== undefined) all.net.network.segment.detach(port);
    expect(passed(all, claim)).toBe('heard 1, dropped 0');
  });

  it.each([
    ['keeps an IPv6 address for who answers that it still has it', true, 'heard 0, dropped 1'],
    [
      'gives one to who wants it when its holder does not answer, as a virtual address moves',
      false,
      'heard 1, dropped 0',
    ],
  ])('%s', (_, answers, expected) => {
    const all = segment();
    const claim = packet6('fe80::2', advertisement('fd00:1::3'));
    const victims = packet6('fe80::3', advertisement('fd00:1::3'));
    victims.set([0x52, 0x54, 0, 0, 0, 3], 6);
    all.victim.link.sendFrame(victims);
    all.net.scheduler.advance(5);
    const questions: string[] = [];
    all.net.network.segment.observer = {
      onFrame: (to, direction, bytes, offset, length) => {
        const text = direction === 'out' ? formatFrame(bytes, offset, offset + length) : '';
        if (text.includes('solicitation')) questions.push(`${to.name}: ${text}`);
      },
    };
    all.attacker.link.sendFrame(claim);
    all.net.scheduler.advance(500);
    expect(questions).toEqual([expect.stringMatching(/^guest 3: .*who has fd00:1::3/)]);
    if (answers) all.victim.link.sendFrame(victims);
    all.net.scheduler.advance(600);
    expect(passed(all, claim)).toBe(expected);
  });

  it('lets an address of an unplugged guest’s lease pass to another', () => {
    const all = segment();
    const [, port] = [...all.net.network.segment.ports()];
    if (port !== undefined) all.net.network.segment.detach(port);
    expect(passed(all, arp({ sender: VICTIM }))).toBe('heard 1, dropped 0');
  });

  it('keeps no more than 64 IPv6 addresses for a port', () => {
    const all = segment();
    for (let n = 0; n < 1000; n++) {
      all.attacker.link.sendFrame(packet6('fe80::2', advertisement(`fd00:1::2:${n.toString(16)}`)));
    }
    all.net.scheduler.advance(5);
    // The oldest are anybody's again, the newest are not.
    all.victim.link.sendFrame(arp({ sender: VICTIM, mac: VICTIM_MAC }));
    const said = (target: string) => {
      const frame = packet6('fe80::3', advertisement(target));
      frame.set([0x52, 0x54, 0, 0, 0, 3], 6);
      const [, port] = [...all.net.network.segment.ports()];
      const before = port?.drops['spoofed-address'] ?? 0;
      all.victim.link.sendFrame(frame);
      all.net.scheduler.advance(5);
      return (port?.drops['spoofed-address'] ?? 0) - before;
    };
    expect([said('fd00:1::2:0'), said('fd00:1::2:3e7')]).toEqual([0, 1]);
  });

  it('judges the source of IPv4 behind a tag of VLAN 0 as without it', () => {
    const all = segment();
    const frame = new Uint8Array(14 + 4 + 20 + 8);
    emitEthernet(
      { destination: all.net.network.settings.gatewayMac, source: ATTACKER_MAC, etherType: 0x8100 },
      frame,
      0,
    );
    frame.set(
      [0, 0, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, PROTOCOL_UDP, 0, 0, 203, 0, 113, 9, 192, 168, 127, 1],
      14,
    );
    all.attacker.link.sendFrame(frame);
    all.net.scheduler.advance(5);
    expect(all.net.network.filter.spoofed).toBe(1);
  });

  it('takes frames that are cut short at every length', () => {
    const all = segment();
    let heard = 0;
    for (const [, frame] of [...FORGED, ...FORGED_OF_GUESTS, ...HONEST]) {
      const whole = frame();
      for (let length = 14; length < whole.length; length++) {
        heard += passed(all, whole.slice(0, length)) === 'heard 1, dropped 0' ? 1 : 0;
      }
    }
    expect(heard).toBeGreaterThan(200);
  });
});
