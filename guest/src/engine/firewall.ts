/**
 * The rules, in the form of iptables-restore(8), that keep containers from the engine's ports, whatever networks they
 * are on: only the given IPv4 clients, and only by the machine's own card. In `raw`, which Docker never touches and
 * which stands before any translation of addresses.
 */
export function firewallRules({
  ports,
  clients,
  card = 'eth0',
}: {
  readonly ports: readonly number[];
  readonly clients: readonly string[];
  /** The machine's own card. @default 'eth0' */
  readonly card?: string;
}): string {
  const accepted = clients.filter((client) => /^\d+(?:\.\d+){3}$/.test(client));
  return [
    '*raw',
    ...ports.flatMap((port) => [
      ...accepted.map((client) => `-A PREROUTING -i ${card} -s ${client} -p tcp --dport ${port} -j ACCEPT`),
      `-A PREROUTING -p tcp --dport ${port} -m addrtype --dst-type LOCAL -j DROP`,
    ]),
    'COMMIT',
    '',
  ].join('\n');
}
