import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '@orlop/core';
import { IpAddress } from '@orlop/netstack';
import { formatMac, parseMac } from '@orlop/wire';
import { vnetError } from '../errors.ts';
import type { Lease, LeaseStore } from './leases.ts';

interface StoredLease {
  readonly mac: string;
  readonly address: string;
  readonly hostName: string;
  readonly expiresAt: string;
}

/**
 * Leases in a JSON file of the user's own (0600), replaced by renaming. Where it cannot be written (a full disk), guests
 * get their addresses all the same, and the next change is written with all that came before.
 */
export function leaseFile(path: string, logger: Logger): LeaseStore {
  return {
    load: () => readLeases(path),
    save: (leases) => {
      try {
        writeLeases(path, leases);
      } catch (error) {
        logger.error('the leases of the network cannot be written', { error: String(error) });
      }
    },
  };
}

function writeLeases(path: string, leases: readonly Lease[]): void {
  const stored: StoredLease[] = leases.map(({ mac, address, hostName, expiresAtMs }) => ({
    mac: formatMac(mac),
    address: address.toString(),
    hostName,
    expiresAt: new Date(expiresAtMs).toISOString(),
  }));
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.next`, `${JSON.stringify({ leases: stored }, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.next`, path);
}

/** @throws OrlopError `vnet.lease-file-invalid` */
function readLeases(path: string): readonly Lease[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw vnetError('vnet.lease-file-invalid', `cannot read the leases in ${path}`, { cause });
  }
  if (text === '') return []; // what a power cut leaves of a file that had just been replaced
  try {
    const { leases } = JSON.parse(text) as { leases: readonly StoredLease[] };
    return leases.map((stored) => {
      const mac = parseMac(stored.mac);
      const address = IpAddress.parse(stored.address);
      const expiresAtMs = Date.parse(stored.expiresAt);
      const { hostName } = stored as Partial<StoredLease>;
      if (mac === undefined || address === undefined || Number.isNaN(expiresAtMs) || hostName === undefined) {
        throw new Error(`no lease: ${JSON.stringify(stored)}`);
      }
      return { mac, address, hostName: String(hostName), expiresAtMs, isStatic: false };
    });
  } catch (cause) {
    throw vnetError('vnet.lease-file-invalid', `${path} is not a file of leases`, {
      cause,
      hint: 'remove it: guests ask for their addresses again',
    });
  }
}
