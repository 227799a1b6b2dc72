import type { ZoneConfig, ZoneRecordType } from '@orlop/vnet';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { addNetworkOptions, type NetworkOptions, openClient, printRows } from './net-client.ts';

export function registerNetDns(net: Command, context: CommandContext): void {
  const dns = net.command('dns').description("a network's own zones and records");
  addNetworkOptions(dns.command('ls').description('list zones and records')).action(
    async (options: NetworkOptions) => {
      const zones = await (await openClient(context, options)).zones();
      if (options.json) context.stdout.write(`${JSON.stringify(zones)}\n`);
      else printRows(zones.flatMap(rowsOf), { context, json: false, columns: COLUMNS });
    },
  );
  addNetworkOptions(dns.command('add').description('add a record; its zone is made when there is none'))
    .argument('<zone>', 'example.internal')
    .argument('<name>', 'relative to the zone; @ is the zone, * all other names')
    .argument('<type>', 'A, AAAA, CNAME, TXT, MX, SRV or PTR')
    .argument('<value...>', 'an address, a name, a text, "10 mail", "0 5 5060 sip"')
    .option('--ttl <seconds>', 'how long others may keep it', '60')
    .action(
      async (
        zone: string,
        name: string,
        type: string,
        value: string[],
        options: NetworkOptions & { ttl: string },
      ) => {
        const record = { name, type: await typeOf(type), value: value.join(' '), ttl: Number(options.ttl) };
        const changed = await (await openClient(context, options)).addRecord(zone, record);
        if (options.json) context.stdout.write(`${JSON.stringify(changed)}\n`);
      },
    );
  addNetworkOptions(dns.command('rm').description('remove a zone, or the records of a name'))
    .argument('<zone>', 'as `ls` shows it')
    .argument('[name]', 'as `ls` shows it')
    .argument('[type]', 'of the records; otherwise all')
    .action(
      async (zone: string, name: string | undefined, type: string | undefined, options: NetworkOptions) => {
        const client = await openClient(context, options);
        if (name === undefined) await client.removeZone(zone);
        else
          await client.removeRecords(zone, { name, ...(type !== undefined && { type: await typeOf(type) }) });
      },
    );
}

interface RecordRow {
  readonly zone: string;
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly ttl: number | undefined;
}

const COLUMNS = {
  ZONE: (row: RecordRow) => row.zone,
  NAME: (row: RecordRow) => row.name,
  TYPE: (row: RecordRow) => row.type,
  VALUE: (row: RecordRow) => row.value,
  TTL: (row: RecordRow) => row.ttl,
};

function rowsOf({ name: zone, records = [], patterns = [], defaultAddress }: ZoneConfig): RecordRow[] {
  return [
    ...records.map(({ name, type, value, ttl }) => ({ zone, name, type, value, ttl })),
    ...patterns.map(({ pattern, address }) => ({
      zone,
      name: `/${pattern}/`,
      type: 'A',
      value: address,
      ttl: undefined,
    })),
    ...(defaultAddress === undefined || defaultAddress === ''
      ? []
      : [{ zone, name: '(all others)', type: 'A', value: defaultAddress, ttl: undefined }]),
  ];
}

async function typeOf(text: string): Promise<ZoneRecordType> {
  const { ZONE_RECORD_TYPES } = await import('@orlop/vnet');
  const type = ZONE_RECORD_TYPES.find((one) => one === text.toUpperCase());
  if (type !== undefined) return type;
  throw cliError(
    'net.bad-record',
    `"${text}" is no type of record; there are ${ZONE_RECORD_TYPES.join(', ')}`,
  );
}
