import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import {
  createCredentials,
  credentialsInUse,
  ENGINE_SERVER_NAME,
  ensureCredentials,
} from './instance-authority.ts';

const run = promisify(execFile);
const NOW_MS = Date.UTC(2026, 0, 15);
const DAY_MS = 86_400_000;

describe('createCredentials', () => {
  const { authority, server, client } = createCredentials(NOW_MS);

  it('gives certificates that Node reads, each with its own key', () => {
    const issuer = new X509Certificate(authority);
    expect(issuer.ca).toBe(true);
    for (const pair of [server, client]) {
      const certificate = new X509Certificate(pair.certificate);
      expect(certificate.verify(issuer.publicKey)).toBe(true);
      expect(certificate.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
      expect(certificate.ca).toBe(false);
    }
    const names = new X509Certificate(server.certificate);
    expect(names.checkHost(ENGINE_SERVER_NAME)).toBe(ENGINE_SERVER_NAME);
    expect(names.checkHost('localhost')).toBeUndefined();
  });

  it('passes the strict checks of OpenSSL for its purpose, and for no other', async () => {
    const folder = await temporaryFolder();
    const paths = {
      ca: join(folder.path, 'ca'),
      server: join(folder.path, 's'),
      client: join(folder.path, 'c'),
    };
    await writeFile(paths.ca, authority);
    await writeFile(paths.server, server.certificate);
    await writeFile(paths.client, client.certificate);
    const verify = (purpose: string, path: string) =>
      run('openssl', [
        'verify',
        '-x509_strict',
        '-attime',
        String(NOW_MS / 1000),
        '-CAfile',
        paths.ca,
        '-purpose',
        purpose,
        path,
      ]);
    expect((await verify('sslserver', paths.server)).stdout).toContain('OK');
    expect((await verify('sslclient', paths.client)).stdout).toContain('OK');
    await expect(verify('sslserver', paths.client)).rejects.toThrow(/purpose/);
    await folder.remove();
  });
});

describe('ensureCredentials', () => {
  it('keeps them for the user alone, and makes new ones before they end', async () => {
    const folder = await temporaryFolder();
    const first = await ensureCredentials(folder.path, NOW_MS);
    expect((await stat(join(folder.path, 'credentials.json'))).mode & 0o777).toBe(0o600);
    expect(await ensureCredentials(folder.path, NOW_MS + 3000 * DAY_MS)).toEqual(first);
    expect(await credentialsInUse(folder.path, NOW_MS + 3300 * DAY_MS)).toEqual(first);
    const next = await ensureCredentials(folder.path, NOW_MS + 3300 * DAY_MS);
    expect(next).not.toEqual(first);
    expect(await credentialsInUse(folder.path, NOW_MS)).toEqual(next);
    await folder.remove();
  });

  it('makes new ones where those that are kept are of a clock that was ahead, or damaged', async () => {
    const folder = await temporaryFolder();
    const ahead = await ensureCredentials(folder.path, NOW_MS + 3650 * DAY_MS);
    const now = await ensureCredentials(folder.path, NOW_MS);
    expect(now).not.toEqual(ahead);
    expect(await ensureCredentials(folder.path, NOW_MS - 20 * DAY_MS)).toEqual(now);
    for (const text of ['', 'null', '{}']) {
      await writeFile(join(folder.path, 'credentials.json'), text);
      expect(await ensureCredentials(folder.path, NOW_MS)).toMatchObject({ authority: expect.any(String) });
    }
    await folder.remove();
  });
});
