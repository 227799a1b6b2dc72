import { type ApiRoute, json } from '../control/api-route.ts';
import { vnetError } from '../errors.ts';
import type { ForwardSpec } from '../forward/forward.ts';
import { forwardId } from '../forward/forward-text.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import { portOf, type VpnkitPort, vpnkitForward, vpnkitPortOf } from './vpnkit-port.ts';

const text: JsonSchema = { type: 'string' };
const port: JsonSchema = { type: 'integer', minimum: 0, maximum: 65_535 };
const PORT: JsonSchema = {
  type: 'object',
  required: ['proto'],
  properties: {
    proto: { type: 'string', enum: ['tcp', 'udp', 'unix'] },
    out_ip: text,
    out_port: port,
    out_path: text,
    in_ip: text,
    in_port: port,
    in_path: text,
    annotation: text,
  },
};

const tag = 'vpnkit';

/** VPNKit's port control over HTTP. In its words *out* is the host's side and *in* the guest's. */
export function vpnkitRoutes(network: VirtualNetwork): readonly ApiRoute[] {
  /** Of forwards in force: one that ends, by whichever API, takes its own along. */
  const annotations = new WeakMap<ForwardSpec, string>();
  const list = () =>
    network.forwards.list().flatMap(({ spec }) => {
      const described = vpnkitPortOf(spec);
      const annotation = annotations.get(spec);
      return described === undefined
        ? []
        : [{ ...described, ...(annotation !== undefined && { annotation }) }];
    });
  const expose = async (body: VpnkitPort) => {
    const { spec } = await network.forwards.add(vpnkitForward(body));
    if (body.annotation !== undefined) annotations.set(spec, body.annotation);
  };
  /** As VPNKit's: what is not exposed needs no ending. */
  const unexpose = (body: VpnkitPort) => {
    network.forwards.discard(forwardId(outsideOf(body)));
  };
  const changing = (['port', 'pipe'] as const).flatMap((what): ApiRoute[] => [
    ...(['PUT', 'POST'] as const).map(
      (method): ApiRoute => ({
        method,
        path: `/forwards/expose/${what}`,
        summary: `Expose a ${what} of the guest`,
        tag,
        body: PORT,
        handle: async ({ body }) => {
          await expose(body as VpnkitPort);
          return { kind: 'text', text: '' };
        },
      }),
    ),
    ...(['DELETE', 'POST'] as const).map(
      (method): ApiRoute => ({
        method,
        path: `/forwards/unexpose/${what}`,
        summary: `End an exposed ${what}`,
        tag,
        body: PORT,
        handle: ({ body }) => {
          unexpose(body as VpnkitPort);
          return { kind: 'text', text: '' };
        },
      }),
    ),
  ]);
  return [
    ...changing,
    {
      method: 'GET',
      path: '/forwards/list',
      summary: 'List what is exposed',
      tag,
      handle: () => json(list()),
    },
    {
      method: 'GET',
      path: '/forwards/dump',
      summary: 'List what is exposed with its counters, as text',
      tag,
      answerType: 'text/plain',
      handle: () => ({
        kind: 'text',
        text: network.forwards
          .list()
          .map((one) => `${portOf(one.spec) ?? one.id} connections=${one.connections} failed=${one.failed}\n`)
          .join(''),
      }),
    },
  ];
}

/** What is needed to find a forward: the guest's side may be left out. */
function outsideOf(body: VpnkitPort): ForwardSpec {
  const { out_ip, out_port, out_path, proto } = body;
  if (proto === 'unix' && out_path === undefined) {
    throw vnetError('vnet.request-invalid', 'out_path is missing');
  }
  return vpnkitForward({
    proto,
    ...(out_ip !== undefined && { out_ip }),
    ...(out_port !== undefined && { out_port }),
    ...(out_path !== undefined && { out_path }),
    in_port: 1,
    in_path: '1',
  });
}
