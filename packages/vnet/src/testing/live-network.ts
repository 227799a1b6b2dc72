import { join } from 'node:path';
import { silentLogger } from '@orlop/core';
import { askSocket, temporaryFolder } from '@orlop/testkit';
import type { NetworkConfig } from '../config.ts';
import { type JoinedNetwork, joinNetwork } from '../join/join-network.ts';
import { parseLinkSpec } from '../link/link-spec.ts';
import { type OpenNetwork, type OpenNetworkOptions, openNetwork } from '../open-network.ts';

/** A network on real sockets in a temporary folder; guests are programs that join it. */
export interface LiveNetwork {
  readonly opened: OpenNetwork;
  readonly folder: string;
  /** The guest 192.168.127.HOST. */
  guest(host: number): Promise<JoinedNetwork>;
  close(): Promise<void>;
}

export async function liveNetwork(
  config: NetworkConfig = {},
  options: Partial<OpenNetworkOptions> = {},
): Promise<LiveNetwork> {
  const folder = await temporaryFolder('net');
  const opened = await openNetwork({ config, logger: silentLogger, platform: process.platform, ...options });
  const path = join(folder.path, 'qemu.sock');
  await opened.listen(parseLinkSpec(path));
  const guests: JoinedNetwork[] = [];
  return {
    opened,
    folder: folder.path,
    guest: async (host) => {
      const guest = await joinNetwork({
        socketPath: path,
        addresses: [`192.168.127.${host}/24`],
        gateways: ['192.168.127.1'],
      });
      guests.push(guest);
      return guest;
    },
    close: async () => {
      for (const guest of guests) guest.close();
      opened.close();
      await folder.remove();
    },
  };
}

/** One HTTP request on a unix socket. */
export { askSocket as ask };
