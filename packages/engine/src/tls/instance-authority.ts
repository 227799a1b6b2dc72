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

/** Reads the credentials of an instance, or makes them where they are not valid now, or not for long. The authority's own key is forgotten at once. */
export async function ensureCredentials(folder: string, nowMs: number): Promise<InstanceCredentials> {
  const kept = await readKept(folder);
  const leftMs = kept === undefined ? 0 : kept.notAfterMs - nowMs;
  // More than they are ever given: they are of a time to which the host's clock was set by mistake, and not valid yet.
  if (kept !== undefined && leftMs > LEFT_MS && leftMs <= VALID_MS + BEFORE_MS) return kept.credentials;
  const credentials = createCredentials(nowMs);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await replaceFile(pathIn(folder), JSON.stringify({ notAfterMs: nowMs + VALID_MS, credentials }));
  return credentials;
}

/** Those of a machine that runs, which has no others, however long they are valid; without any, as {@link ensureCredentials}. */
export async function credentialsInUse(folder: string, nowMs: number): Promise<InstanceCredentials> {
  return (await readKept(folder))?.credentials ?? ensureCredentials(folder, nowMs);
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

interface Kept {
  readonly notAfterMs: number;
  readonly credentials: InstanceCredentials;
}

function isKept(value: unknown): value is Kept {
  return typeof value === 'object' && value !== null && 'notAfterMs' in value && 'credentials' in value;
}

const pathIn = (folder: string) => join(folder, 'credentials.json');

async function readKept(folder: string): Promise<Kept | undefined> {
  try {
    const kept: unknown = JSON.parse(await readFile(pathIn(folder), 'utf8'));
    if (isKept(kept)) return kept;
  } catch {}
  return undefined; // none yet, or damaged: they are made anew
}
