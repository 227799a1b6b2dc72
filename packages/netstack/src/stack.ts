import { netstackError } from './errors.ts';
import { EthernetPort } from './ethernet.ts';
import type { FrameSink } from './face.ts';
import { Icmp } from './icmp/icmp.ts';
import { IpLayer } from './ip/ip-layer.ts';
import { Ipv4 } from './ip/ipv4.ts';
import { Ipv6 } from './ip/ipv6.ts';
import { Machine, type Timed, Wake } from './machine.ts';
import { Arp } from './neighbours/arp.ts';
import { Ndp } from './neighbours/ndp.ts';
import type { HostOptions, HostParts, Stack, StackOptions } from './stack-face.ts';
import { Tcp } from './tcp/tcp.ts';
import { Udp } from './udp/udp.ts';

const DEFAULT_MTU = 1500;
/** RFC 791: every module must be able to forward 68; below 576 nothing of ours works well. */
const MIN_MTU = 576;
const MAX_MTU = 65_535;

/**
 * Ethernet, neighbours, IPv4, IPv6 and ICMP: what every program needs. A program that wants only UDP composes
 * `new Udp(...)` on it and bundles no TCP.
 */
export function createHost(options: HostOptions): HostParts {
  const mtu = options.mtu ?? DEFAULT_MTU;
  if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU) {
    throw netstackError('netstack.invalid-option', `mtu ${mtu} is not between ${MIN_MTU} and ${MAX_MTU}`);
  }
  const wake = new Wake();
  const ethernet = new EthernetPort({ mac: options.mac, wake: wake.call });
  const ip = new IpLayer({
    ethernet,
    addresses: options.addresses,
    routes: options.routes ?? [],
    mtu,
    promiscuous: options.promiscuous ?? false,
    router: options.router ?? false,
    trustedLink: options.trustedLink ?? false,
  });
  const { random } = options;
  const arp = new Arp({ ethernet, local: ip.addresses });
  const ndp = new Ndp({ ethernet, local: ip.addresses, router: options.router ?? false });
  const ipv4 = new Ipv4({ ip, ethernet, neighbours: arp.neighbours, random });
  const ipv6 = new Ipv6({ ip, ethernet, neighbours: ndp.neighbours, random });
  const icmp = new Icmp({ ip, ndp });
  const timed: Timed[] = [arp.neighbours, ndp.neighbours, ipv4.reassembly, ipv6.reassembly];
  return { wake, ethernet, ip, arp, ndp, ipv4, ipv6, icmp, timed };
}

/** A whole host with UDP and TCP. Throws `netstack.invalid-option`. */
export function createStack(options: StackOptions): Stack {
  const host = createHost(options);
  const { ip, icmp: errors, wake } = host;
  const { random } = options;
  const checksumOffload = options.checksumOffload ?? false;
  const udp = new Udp({ ip, errors, random, checksumOffload });
  const tcp = new Tcp({ ip, errors, random, wake: wake.call, checksumOffload, settings: options.tcp });
  const machine = new Machine({ ...host, senders: [tcp] }, wake);
  return {
    tcp,
    udp,
    icmp: host.icmp,
    host,
    receive: (frame, now, offset, length) => machine.receive(frame, now, offset, length),
    poll: (now: number, sink: FrameSink) => machine.poll(now, sink),
    pollAt: () => machine.pollAt(),
    get onWake() {
      return machine.onWake;
    },
    set onWake(handler) {
      machine.onWake = handler;
    },
  };
}
