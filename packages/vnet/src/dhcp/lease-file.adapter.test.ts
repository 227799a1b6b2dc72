import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger, silentLogger } from '@orlop/core';
import { IpAddress } from '@orlop/netstack';
import { temporaryFolder } from '@orlop/testkit';
import { expect, it } from 'vitest';
import { leaseFile } from './lease-file.ts';

const LEASE = { mac: 0x52_54_00_00_00_02, address: IpAddress.v4(0xc0a87f02), hostName: 'web' };

it('leaseFile tells that it cannot be written, and writes everything at the next change', async () => {
  const folder = await temporaryFolder('leases');
  try {
    const path = join(folder.path, 'leases.json');
    const lines: string[] = [];
    const store = leaseFile(
      path,
      createLogger('info', (line) => lines.push(line)),
    );
    const leases = [{ ...LEASE, expiresAtMs: 1_000_000, isStatic: false }];
    await mkdir(`${path}.next`);
    store.save(leases);
    expect(lines.join('\n')).toMatch(/leases of the network cannot be written.*EISDIR/);
    await rmdir(`${path}.next`);
    store.save(leases);
    expect(await readFile(path, 'utf8')).toContain('192.168.127.2');
    expect(store.load()).toEqual(leases);
  } finally {
    await folder.remove();
  }
});

it('leaseFile refuses a lease without a name', async () => {
  const folder = await temporaryFolder('leases');
  try {
    const path = join(folder.path, 'leases.json');
    const lease = { mac: '52:54:00:00:00:02', address: '192.168.127.2', expiresAt: '2026-01-01T00:00:00Z' };
    await writeFile(path, JSON.stringify({ leases: [lease] }));
    expect(() => leaseFile(path, silentLogger).load()).toThrow(
      expect.objectContaining({ code: 'vnet.lease-file-invalid' }),
    );
  } finally {
    await folder.remove();
  }
});
