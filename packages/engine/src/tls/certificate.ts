import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import {
  bitString,
  boolean,
  context,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  utf8String,
} from './der.ts';

/** A key and its certificate, both as PEM. */
export interface Credential {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly use: 'authority' | 'server' | 'client';
  /** Names of a server, one is enough. */
  readonly dnsNames?: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface Issuer {
  readonly commonName: string;
  readonly key: KeyObject;
}

interface NewCredential extends Credential {
  readonly privateKey: KeyObject;
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2')); // RFC 5758 §3.2
const COMMON_NAME = '2.5.4.3';
const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;
const PURPOSE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
/** digitalSignature is bit 0, keyCertSign bit 5, cRLSign bit 6: RFC 5280 §4.2.1.3. */
const SIGNS = bitString(Uint8Array.of(0x80), 7);
const SIGNS_CERTIFICATES = bitString(Uint8Array.of(0x06), 1);

/**
 * Makes a P-256 key and an X.509 version 3 certificate for it (RFC 5280 §4.1), signed by the issuer, or by itself.
 */
export function createCredential(request: CertificateRequest, issuer?: Issuer): NewCredential {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = issuer?.key ?? privateKey;
  const subjectKey = publicKey.export({ type: 'spki', format: 'der' });
  const toBeSigned = sequence(
    context(0, integer(Uint8Array.of(2))), // version 3
    integer(randomBytes(16)),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer?.commonName ?? request.commonName),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    distinguishedName(request.commonName),
    subjectKey,
    context(3, sequence(...extensionsOf(request, { subjectKey, signer }))),
  );
  const signature = sign('sha256', toBeSigned, signer);
  const certificate = sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(signature));
  return {
    privateKey,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: pem('CERTIFICATE', certificate),
  };
}

function extensionsOf(
  { use, dnsNames = [] }: CertificateRequest,
  { subjectKey, signer }: { readonly subjectKey: Uint8Array; readonly signer: KeyObject },
): Uint8Array[] {
  const authority = use === 'authority';
  const all = [
    extension(EXTENSION.basicConstraints, sequence(...(authority ? [boolean(true)] : [])), true),
    extension(EXTENSION.keyUsage, authority ? SIGNS_CERTIFICATES : SIGNS, true),
    extension(EXTENSION.subjectKeyIdentifier, octetString(keyIdentifier(subjectKey))),
  ];
  if (!authority) {
    const spki = publicPart(signer);
    all.push(
      extension(EXTENSION.authorityKeyIdentifier, sequence(implicit(0, keyIdentifier(spki)))),
      extension(EXTENSION.extendedKeyUsage, sequence(objectIdentifier(PURPOSE[use]))),
    );
  }
  if (dnsNames.length > 0) {
    const names = dnsNames.map((name) => implicit(2, new TextEncoder().encode(name)));
    all.push(extension(EXTENSION.subjectAlternativeName, sequence(...names)));
  }
  return all;
}

function extension(identifier: string, value: Uint8Array, critical = false): Uint8Array {
  return sequence(objectIdentifier(identifier), ...(critical ? [boolean(true)] : []), octetString(value));
}

function distinguishedName(commonName: string): Uint8Array {
  return sequence(setOf(sequence(objectIdentifier(COMMON_NAME), utf8String(commonName))));
}

function publicPart(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** RFC 5280 §4.2.1.2 leaves the method open; this is SHA-1 over the whole SubjectPublicKeyInfo. */
function keyIdentifier(spki: Uint8Array): Uint8Array {
  return createHash('sha1').update(spki).digest();
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
