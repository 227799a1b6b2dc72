import type { ZoneConfig } from '../dns/zone.ts';
import type { ZoneRecordConfig } from '../dns/zone-record.ts';
import type { ZoneTable } from '../dns/zone-table.ts';
import { vnetError } from '../errors.ts';
import { networkMetrics } from '../metrics/network-metrics.ts';
import { formatMetrics, PROMETHEUS_TYPE } from '../metrics/prometheus.ts';
import type { OpenNetwork } from '../open-network.ts';
import { type ApiRoute, json } from './api-route.ts';
import * as schemas from './api-schemas.ts';

const PCAPNG_TYPE = 'application/x-pcapng';
const MAX_SNAP_LENGTH = 262_144;

export function flowRoutes({ flows }: OpenNetwork): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/flows',
      summary: 'List who talks with whom',
      tag: 'flows',
      answer: schemas.listOf(schemas.FLOW),
      handle: () => json([...flows.rows()]),
    },
    {
      method: 'DELETE',
      path: '/v1/flows',
      summary: 'End a flow',
      tag: 'flows',
      query: { id: { description: 'of the flow, as listed', required: true } },
      answer: schemas.EMPTY,
      handle: ({ url }) => {
        const id = url.searchParams.get('id') ?? '';
        if (!flows.drop(id)) throw vnetError('vnet.flow-unknown', `there is no flow "${id}"`);
        return json({});
      },
    },
  ];
}

export function captureRoutes(opened: OpenNetwork): readonly ApiRoute[] {
  const { captures, network } = opened;
  return [
    {
      method: 'GET',
      path: '/v1/capture',
      summary: 'Record frames as pcapng, live, until the client goes',
      tag: 'observation',
      query: {
        port: { description: 'name or number of one port; otherwise every frame of the segment, once' },
        snapLength: { description: 'bytes of each frame that are kept' },
      },
      answer: { type: 'string' },
      answerType: PCAPNG_TYPE,
      handle: ({ url, signal }) => {
        const port = url.searchParams.get('port') ?? undefined;
        const snapLength = Number(url.searchParams.get('snapLength') ?? MAX_SNAP_LENGTH);
        if (!Number.isInteger(snapLength) || snapLength < 1 || snapLength > MAX_SNAP_LENGTH) {
          throw vnetError('vnet.request-invalid', `snapLength is not 1 to ${MAX_SNAP_LENGTH}`);
        }
        const names = [...network.segment.ports()].flatMap(({ id, name }) => [String(id), name]);
        if (port !== undefined && !names.includes(port)) {
          throw vnetError('vnet.request-invalid', `no port is called "${port}"`, {
            hint: `there are ${names.join(', ') || 'none: no machine is plugged in'}`,
          });
        }
        const capture = captures.start({ signal, snapLength, ...(port !== undefined && { port }) });
        return { kind: 'stream', chunks: capture, contentType: PCAPNG_TYPE };
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      summary: 'Tell every counter in the text format of Prometheus',
      tag: 'observation',
      answer: { type: 'string' },
      answerType: 'text/plain',
      handle: () => ({
        kind: 'text',
        text: formatMetrics(networkMetrics(opened)),
        contentType: PROMETHEUS_TYPE,
      }),
    },
  ];
}

export function zoneRoutes(zones: ZoneTable): readonly ApiRoute[] {
  const tag = 'dns';
  return [
    {
      method: 'GET',
      path: '/v1/dns/zones',
      summary: "List the network's own zones",
      tag,
      answer: schemas.listOf(schemas.ZONE),
      handle: () => json(zones.list()),
    },
    {
      method: 'PUT',
      path: '/v1/dns/zones',
      summary: 'Add a zone, or replace the one of that name',
      tag,
      body: schemas.ZONE,
      answer: schemas.ZONE,
      handle: ({ body }) => {
        zones.set(body as ZoneConfig);
        return json(body);
      },
    },
    {
      method: 'DELETE',
      path: '/v1/dns/zones',
      summary: 'Remove a zone',
      tag,
      query: { name: { description: 'of the zone', required: true } },
      answer: schemas.EMPTY,
      handle: ({ url }) => json(zones.remove(url.searchParams.get('name') ?? '')),
    },
    {
      method: 'POST',
      path: '/v1/dns/records',
      summary: 'Add a record; others of that name and type stay',
      tag,
      body: schemas.RECORD_BODY,
      answer: schemas.ZONE,
      handle: ({ body }) => {
        const { zone: name, ...record } = body as ZoneRecordConfig & { readonly zone: string };
        const zone = zones.find(name)?.config ?? { name };
        zones.set({ ...zone, records: [...(zone.records ?? []), record] });
        return json(zones.find(name)?.config);
      },
    },
    {
      method: 'DELETE',
      path: '/v1/dns/records',
      summary: 'Remove the records of a name',
      tag,
      query: {
        zone: { description: 'name of the zone', required: true },
        name: { description: 'of the record, as listed', required: true },
        type: { description: 'of the records; otherwise all' },
      },
      answer: schemas.EMPTY,
      handle: ({ url: { searchParams } }) =>
        json(
          zones.removeRecords(
            searchParams.get('zone') ?? '',
            searchParams.get('name') ?? '',
            searchParams.get('type') ?? undefined,
          ),
        ),
    },
  ];
}
