import type { OpenNetwork } from '../open-network.ts';
import type { Metric, Sample } from './prometheus.ts';

/** Everything that the network counts. */
export function networkMetrics(opened: OpenNetwork): readonly Metric[] {
  return [
    ...portMetrics(opened),
    ...flowMetrics(opened),
    ...forwardMetrics(opened),
    ...serviceMetrics(opened),
  ];
}

function portMetrics({ network }: OpenNetwork): readonly Metric[] {
  const ports = [...network.segment.ports()];
  const perPort = (read: (port: (typeof ports)[number]) => Readonly<Record<string, number>>, label: string) =>
    ports.flatMap((port) => labelled(read(port), label, { port: port.name }));
  return [
    gauge('orlop_net_ports', 'Links that are plugged in.', [{ value: ports.length }]),
    counter(
      'orlop_net_port_frames_total',
      'Frames, as the switch sees them.',
      perPort(({ link: { counters } }) => ({ in: counters.framesIn, out: counters.framesOut }), 'direction'),
    ),
    counter(
      'orlop_net_port_bytes_total',
      'Bytes of frames, as the switch sees them.',
      perPort(({ link: { counters } }) => ({ in: counters.bytesIn, out: counters.bytesOut }), 'direction'),
    ),
    counter(
      'orlop_net_port_drops_total',
      'Frames that went nowhere.',
      perPort(({ drops }) => drops, 'reason'),
    ),
    counter('orlop_net_spoofed_source_total', 'Frames to the gateway with a foreign source address.', [
      { value: network.filter.spoofed },
    ]),
    gauge('orlop_net_leases', 'Leases of addresses.', [{ value: [...network.leases.list()].length }]),
  ];
}

function flowMetrics({ network }: OpenNetwork): readonly Metric[] {
  const { stack, tcpNat, udpNat } = network;
  return [
    gauge('orlop_net_flows', 'Flows of guests to the outside.', [
      { value: tcpNat.size, labels: { protocol: 'tcp' } },
      { value: udpNat.size, labels: { protocol: 'udp' } },
    ]),
    counter(
      'orlop_net_tcp_nat_total',
      'Connections to the outside, by outcome.',
      labelled({ ...tcpNat.counters }, 'event'),
    ),
    counter(
      'orlop_net_udp_nat_total',
      'Ports and datagrams to the outside, by outcome.',
      labelled({ ...udpNat.counters }, 'event'),
    ),
    counter(
      'orlop_net_echo_total',
      'Echo requests to the outside.',
      labelled({ ...network.echo.counters }, 'event'),
    ),
    counter(
      'orlop_net_tcp_total',
      "What the gateway's TCP counts.",
      labelled({ ...stack.tcp.counters }, 'event'),
    ),
    counter(
      'orlop_net_udp_total',
      "What the gateway's UDP counts.",
      labelled({ ...stack.udp.counters }, 'event'),
    ),
    counter(
      'orlop_net_icmp_total',
      "What the gateway's ICMP counts.",
      labelled({ ...stack.icmp.counters }, 'event'),
    ),
    counter(
      'orlop_net_ethernet_total',
      "What the gateway's Ethernet counts.",
      labelled({ ...stack.host.ethernet.counters }, 'event'),
    ),
    counter(
      'orlop_net_ip_total',
      "What the gateway's IP counts.",
      labelled({ ...stack.host.ip.counters }, 'event'),
    ),
    gauge('orlop_net_tcp_buffered_bytes', "Bytes in the queues of the gateway's connections.", [
      { value: stack.tcp.bufferedBytes },
    ]),
    counter('orlop_net_policy_denied_total', 'Requests that the outbound policy denied.', [
      { value: network.policy.denied },
    ]),
  ];
}

function forwardMetrics({ network }: OpenNetwork): readonly Metric[] {
  const forwards = network.forwards.list();
  const each = (read: (forward: (typeof forwards)[number]) => number): Sample[] =>
    forwards.map((forward) => ({ value: read(forward), labels: { forward: forward.id } }));
  return [
    gauge(
      'orlop_net_forward_active',
      'Connections, or clients, of a forward now.',
      each((one) => one.active),
    ),
    counter(
      'orlop_net_forward_connections_total',
      'Connections of a forward.',
      each((one) => one.connections),
    ),
    counter(
      'orlop_net_forward_failed_total',
      'Connections that failed.',
      each((one) => one.failed),
    ),
    counter('orlop_net_forward_bytes_total', 'Bytes of a forward.', [
      ...forwards.flatMap(({ id, bytesToGuest, bytesFromGuest }) =>
        labelled({ in: bytesToGuest, out: bytesFromGuest }, 'direction', { forward: id }),
      ),
    ]),
  ];
}

function serviceMetrics({
  network,
  dnsCache,
  dnsForwarding,
  proxyCounters,
  captures,
}: OpenNetwork): readonly Metric[] {
  return [
    counter(
      'orlop_net_dns_total',
      "Questions to the gateway's DNS.",
      labelled({ ...network.dns.counters }, 'event'),
    ),
    counter(
      'orlop_net_dns_cache_total',
      'What the cache of DNS counts.',
      labelled({ ...dnsCache.counters }, 'event'),
    ),
    counter(
      'orlop_net_dhcp_total',
      'What the DHCP server counts.',
      labelled({ ...network.dhcp.counters }, 'event'),
    ),
    gauge('orlop_net_dns_cache_entries', 'Answers in the cache.', [{ value: dnsCache.size }]),
    counter(
      'orlop_net_dns_upstream_total',
      "Questions to the host's servers.",
      labelled({ ...dnsForwarding.counters }, 'event'),
    ),
    counter(
      'orlop_net_proxy_total',
      'Requests to the HTTP proxy, and what became of them.',
      labelled({ ...proxyCounters }, 'event'),
    ),
    gauge('orlop_net_captures', 'Captures that run.', [{ value: captures.size }]),
  ];
}

function labelled(
  values: Readonly<Record<string, number>>,
  label: string,
  more: Readonly<Record<string, string>> = {},
): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ value, labels: { ...more, [label]: name } }));
}

function counter(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, help, type: 'counter', samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, help, type: 'gauge', samples };
}
