import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '@orlop/vm';
import { type Credential, createCredential } from './certificate.ts';

/** The name in the certificate of every engine's dockerd; addresses may change, it does not. */
export const ENGINE_SERVER_NAME = 'orlop-engine';

/** What the two sides of one engine's channel know; nobody else has a certificate of this authority. */
export interface InstanceCredentials {
  readonly authority: string;
  readonly server: Credential;
  readonly client: Credential;
}

const DAY_MS = 86_400_000;
/** The guest's clock may be behind when it starts. */
const BEFORE_MS = 30 * DAY_MS;
const VALID_MS = 3650 * DAY_MS;
/** Made anew when less than this is left. */
const LEFT_MS = 365 * DAY_MS;

/** Reads the credentials of an instance, or makes them; the authority's own key is forgotten at once. */
export async function ensureCredentials(folder: string, nowMs: number): Promise<InstanceCredentials> {
  const path = join(folder, 'credentials.json');
  const kept = await readKept(path);
  if (kept !== undefined && kept.notAfterMs - nowMs > LEFT_MS) return kept.credentials;
  const credentials = createCredentials(nowMs);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await replaceFile(path, JSON.stringify({ notAfterMs: nowMs + VALID_MS, credentials }));
  return credentials;
}

export function createCredentials(nowMs: number): InstanceCredentials {
  const validity = { notBeforeMs: nowMs - BEFORE_MS, notAfterMs: nowMs + VALID_MS };
  const authority = createCredential({ ...validity, commonName: 'Orlop engine authority', use: 'authority' });
  const issuer = { commonName: 'Orlop engine authority', key: authority.privateKey };
  const pair = ({ certificate, key }: Credential): Credential => ({ certificate, key });
  return {
    authority: authority.certificate,
    server: pair(
      createCredential(
        { ...validity, commonName: ENGINE_SERVER_NAME, use: 'server', dnsNames: [ENGINE_SERVER_NAME] },
        issuer,
      ),
    ),
    client: pair(createCredential({ ...validity, commonName: 'orlop', use: 'client' }, issuer)),
  };
}

async function readKept(
  path: string,
): Promise<{ readonly notAfterMs: number; readonly credentials: InstanceCredentials } | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined; // none yet, or damaged: they are made anew
  }
}
