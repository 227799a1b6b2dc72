import { formatIpv4Address } from '../address/ipv4.ts';
import { formatIpv6Address } from '../address/ipv6.ts';
import { type DnsFields, type DnsRecord, dnsTypeOf, formatDnsType } from '../dns/types.ts';

const RESPONSE_CODES = ['', ' FormErr', ' ServFail', ' NXDomain', ' NotImp', ' Refused'];

/** A message in one line: `4711+ A? example.com. (28)`, `4711* 2/0/1 A 10.9.0.5, A 10.9.0.6 (60)`. */
export function formatDns(fields: DnsFields, length: number): string {
  if (!fields.response) {
    const questions = fields.questions.map(({ type, name }) => `${formatDnsType(type)}? ${name}.`).join(' ');
    const edns = fields.edns === undefined ? '' : ' [1au]';
    return `${fields.id}${fields.recursionDesired ? '+' : ''}${edns} ${questions} (${length})`;
  }
  const additionals = fields.additionals.length + (fields.edns === undefined ? 0 : 1);
  const counts = `${fields.answers.length}/${fields.authorities.length}/${additionals}`;
  const code = RESPONSE_CODES[fields.responseCode] ?? ` Resp${fields.responseCode}`;
  const flags = `${fields.authoritative ? '*' : ''}${fields.recursionAvailable ? '' : '-'}${fields.truncated ? '|' : ''}`;
  const answers = fields.answers.map((record) => ` ${formatDnsRecord(record)}`).join(',');
  return `${fields.id}${code}${flags} ${counts}${answers} (${length})`;
}

/** Type and data of a record. */
export function formatDnsRecord(record: DnsRecord): string {
  const type = formatDnsType(dnsTypeOf(record));
  switch (record.kind) {
    case 'A':
      return `${type} ${formatIpv4Address(record.address)}`;
    case 'AAAA':
      return `${type} ${formatIpv6Address(record.address)}`;
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return `${type} ${record.target}.`;
    case 'MX':
      return `${type} ${record.exchange}. ${record.preference}`;
    case 'SRV':
      return `${type} ${record.target}.:${record.port} ${record.priority} ${record.weight}`;
    case 'TXT':
      return `${type} ${record.strings.map(quote).join(' ')}`;
    case 'SOA':
      return type;
    case 'HTTPS':
      return `${type} ${record.priority} ${record.target}.`;
    case 'other':
      return `${type} ${record.data.length} bytes`;
  }
}

/** Quoted; what is not printable ASCII is escaped, so that a packet cannot write to a terminal. */
function quote(string: Uint8Array): string {
  let text = '';
  for (const byte of string) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    text += plain ? String.fromCharCode(byte) : `\\${byte.toString().padStart(3, '0')}`;
  }
  return `"${text}"`;
}
