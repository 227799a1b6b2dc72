import type { Logger } from '@orlop/core';
import { ApiServer } from '../control/api-server.ts';
import { goTextErrors, vpnkitErrors } from '../control/error-answer.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import { forwarderRoutes, gvproxyRoutes } from './gvproxy-routes.ts';
import { gvproxyTakeover } from './gvproxy-takeover.ts';
import { vpnkitRoutes } from './vpnkit-routes.ts';

export interface CompatOptions {
  readonly network: VirtualNetwork;
  readonly logger: Logger;
}

/**
 * Answers as gvproxy does on its `-listen` sockets, or without `connect` on that of `-services`; the caller calls
 * `listen` and `close`.
 */
export function gvproxyServer({
  network,
  logger,
  connect = true,
}: CompatOptions & {
  /** A client may plug itself in as a guest. @default true */
  readonly connect?: boolean;
}): ApiServer {
  return new ApiServer({
    routes: gvproxyRoutes(network),
    takeover: gvproxyTakeover(network, connect),
    logger,
    answerError: goTextErrors,
  });
}

/** What gvproxy answers its guests on port 80 of the gateway: ports that they want exposed. */
export function gvproxyGatewayServer({ network, logger }: CompatOptions): ApiServer {
  return new ApiServer({ routes: forwarderRoutes(network), logger, answerError: goTextErrors });
}

/** Answers as VPNKit's HTTP port control does. */
export function vpnkitServer({ network, logger }: CompatOptions): ApiServer {
  return new ApiServer({ routes: vpnkitRoutes(network), logger, answerError: vpnkitErrors });
}
