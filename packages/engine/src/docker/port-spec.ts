import { parseForwards, type ToGuest } from '@orlop/vnet';
import { engineError } from '../errors.ts';
import type { HostSide } from './asked-ports.ts';
import { bracket, type PublishedPort } from './published-ports.ts';

/** The forward from a side of the host; without a target it leads nowhere yet, and resets who connects. */
export function toGuest({
  protocol,
  hostAddress,
  hostPort,
  target,
}: HostSide & { readonly target?: PublishedPort['target'] | undefined }): ToGuest {
  const { address, port } = target ?? { address: '0.0.0.0', port: hostPort };
  const text = `${bracket(hostAddress)}:${hostPort}:${bracket(address)}:${port}/${protocol}`;
  const [spec] = parseForwards(text);
  if (spec?.kind !== 'to-guest') throw engineError('engine.port-taken', `${text} is no port of the host`);
  if (target === undefined) return { ...spec, guest: { kind: 'nobody' } };
  return target.greeting === undefined ? spec : { ...spec, greeting: target.greeting };
}
