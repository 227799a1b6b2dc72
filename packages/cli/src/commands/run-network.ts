import type { OrlopError } from '@orlop/core';
import type { NetworkAttachment, PublishedPort } from '@orlop/vm';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { vnet } from './run-vnet.ts';

/** What a machine asks of the network that the user named with `--networking`. */
export interface NetworkRequest {
  readonly context: CommandContext;
  readonly machine: string;
  readonly publish: readonly PublishedPort[];
  /** In base64; a network of Orlop's serves it at 169.254.169.254. */
  readonly userData?: string | undefined;
  /** What follows the kind and a comma in `--networking KIND,DETAIL`. */
  readonly detail: string | undefined;
}

/** A place in a network; undefined attachment for no card at all. */
export interface NetworkLease {
  readonly attachment: NetworkAttachment | undefined;
  /** Gives the place back, after the machine has ended. */
  close(): Promise<void>;
}

/** One kind of networking. A virtual network joins by returning an attachment of kind `stream`. */
export interface NetworkProvider {
  readonly kind: string;
  readonly summary: string;
  attach(request: NetworkRequest): Promise<NetworkLease>;
}

const user: NetworkProvider = {
  kind: 'user',
  summary: "QEMU's own user-mode network",
  attach: ({ publish }) => {
    const six = publish.find((port) => port.hostAddress.includes(':'));
    if (six !== undefined) {
      throw refused(`--networking user publishes on IPv4 addresses only, not on ${six.hostAddress}`);
    }
    return lease({ kind: 'user', publish });
  },
};

const tap: NetworkProvider = {
  kind: 'tap',
  summary: 'a TAP device that exists: tap,DEVICE',
  attach: (request) => {
    refusePublish(request, 'tap');
    return lease({ kind: 'tap', device: requireDetail(request, 'tap,DEVICE') });
  },
};

const bridge: NetworkProvider = {
  kind: 'bridge',
  summary: "a bridge, through QEMU's setuid program: bridge,BRIDGE",
  attach: (request) => {
    refusePublish(request, 'bridge');
    return lease({ kind: 'bridge', bridge: requireDetail(request, 'bridge,BRIDGE') });
  },
};

const none: NetworkProvider = {
  kind: 'none',
  summary: 'no network card',
  attach: (request) => {
    refusePublish(request, 'none');
    return lease(undefined);
  },
};

/** Every kind that `--networking` takes. */
export const networkProviders: readonly NetworkProvider[] = [vnet, user, tap, bridge, none];

/** @throws OrlopError `run.bad-networking` */
export async function attachNetwork(
  networking: string,
  request: Omit<NetworkRequest, 'detail'>,
  providers: readonly NetworkProvider[] = networkProviders,
): Promise<NetworkLease> {
  const comma = networking.indexOf(',');
  const kind = comma < 0 ? networking : networking.slice(0, comma);
  const provider = providers.find((candidate) => candidate.kind === kind);
  if (provider === undefined) {
    const known = providers.map((candidate) => `${candidate.kind} (${candidate.summary})`).join('; ');
    throw refused(`unknown networking "${kind}"`, known);
  }
  return provider.attach({ ...request, detail: comma < 0 ? undefined : networking.slice(comma + 1) });
}

function lease(attachment: NetworkAttachment | undefined): Promise<NetworkLease> {
  return Promise.resolve({ attachment, close: () => Promise.resolve() });
}

function requireDetail({ detail }: NetworkRequest, form: string): string {
  if (detail === undefined || detail === '') throw refused(`--networking needs a name: ${form}`);
  return detail;
}

function refusePublish({ publish }: NetworkRequest, kind: string): void {
  if (publish.length > 0) {
    throw refused(`--publish needs a network of Orlop's, not --networking ${kind}`, 'leave --networking out');
  }
}

function refused(message: string, hint?: string): OrlopError {
  return cliError('run.bad-networking', message, hint === undefined ? {} : { hint });
}
