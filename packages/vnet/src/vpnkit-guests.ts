import { createHash } from 'node:crypto';
import { OrlopError } from '@orlop/core';
import { type MacAddress, parseMac } from '@orlop/wire';
import { vnetError } from './errors.ts';
import type { VpnkitGuest, VpnkitVif } from './link/vpnkit-handshake.ts';
import type { VirtualNetwork } from './virtual-network.ts';

/** The card of a VPNKit client: the same UUID has the same address at every return, and so the same lease. */
export function admitVpnkitGuest(
  guest: VpnkitGuest,
  network: VirtualNetwork,
  /** Of clients that have one, by their UUID. */
  fixedMacs: ReadonlyMap<string, MacAddress> = new Map(),
): VpnkitVif | string {
  const mac = fixedMacs.get(guest.uuid.toLowerCase()) ?? macOfUuid(guest.uuid);
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

/** @throws OrlopError `vnet.address-invalid` */
export function readVpnkitMacs(texts: Readonly<Record<string, string>>): ReadonlyMap<string, MacAddress> {
  return new Map(
    Object.entries(texts).map(([uuid, text]) => {
      const mac = parseMac(text);
      if (mac === undefined)
        throw vnetError('vnet.address-invalid', `"${text}" of ${uuid} is no Ethernet address`);
      return [uuid.toLowerCase(), mac];
    }),
  );
}
