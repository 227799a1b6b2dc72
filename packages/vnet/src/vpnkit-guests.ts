import { createHash } from 'node:crypto';
import { OrlopError } from '@orlop/core';
import type { MacAddress } from '@orlop/wire';
import type { VpnkitGuest, VpnkitVif } from './link/vpnkit-handshake.ts';
import type { VirtualNetwork } from './virtual-network.ts';

/** The card of a VPNKit client: the same UUID has the same address at every return, and so the same lease. */
export function admitVpnkitGuest(guest: VpnkitGuest, network: VirtualNetwork): VpnkitVif | string {
  const mac = macOfUuid(guest.uuid);
  if (guest.preferredIp !== undefined) {
    try {
      network.leases.addStatic({ mac, address: guest.preferredIp });
    } catch (error) {
      if (error instanceof OrlopError) return error.message;
      throw error;
    }
  }
  return { mac, mtu: network.settings.mtu };
}

/** Locally administered, unicast, and 46 bits of the UUID's digest. */
export function macOfUuid(uuid: string): MacAddress {
  const digest = createHash('sha256').update(uuid.toLowerCase()).digest();
  digest[0] = ((digest[0] ?? 0) & 0xfc) | 0x02;
  return digest.readUIntBE(0, 6);
}
