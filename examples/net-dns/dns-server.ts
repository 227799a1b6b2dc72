import type { DatagramNetwork, DatagramPort } from '@orlop/netstack';
import {
  DNS_CLASS_IN,
  DNS_NAME_ERROR,
  DNS_NO_ERROR,
  DNS_TYPE_A,
  DNS_TYPE_TXT,
  type DnsFields,
  type DnsRecord,
  encodeDns,
  parseDns,
  parseIpv4Address,
} from '@orlop/wire';

/** Names and their IPv4 addresses. */
export type Zone = ReadonlyMap<string, string>;

const TTL_SECONDS = 60;

/** Answers queries for a zone over UDP on any network: the virtual one or the host's. */
export function serveDns(network: DatagramNetwork, zone: Zone, port: number): Promise<DatagramPort> {
  return network.bind({ port }, (bytes, from, own) => {
    const query = parseDns(bytes, 0, bytes.length);
    if (typeof query === 'string' || query.response) return;
    own.send(encodeDns(answer(query, zone)), from);
  });
}

function answer(query: DnsFields, zone: Zone): DnsFields {
  const [question] = query.questions;
  const address = question === undefined ? undefined : zone.get(question.name.toLowerCase());
  const answers: DnsRecord[] = [];
  if (question !== undefined && address !== undefined) {
    const head = { name: question.name, class: DNS_CLASS_IN, ttl: TTL_SECONDS };
    const parsed = parseIpv4Address(address);
    if (question.type === DNS_TYPE_A && parsed !== undefined)
      answers.push({ ...head, kind: 'A', address: parsed });
    if (question.type === DNS_TYPE_TXT) {
      answers.push({
        ...head,
        kind: 'TXT',
        strings: [new TextEncoder().encode(`${question.name} is at ${address}`)],
      });
    }
  }
  return {
    ...query,
    response: true,
    authoritative: true,
    recursionAvailable: false,
    responseCode: address === undefined ? DNS_NAME_ERROR : DNS_NO_ERROR,
    answers,
  };
}
