import { parseObject } from '../documents.ts';
import { ociError } from '../errors.ts';
import { MEDIA } from '../media-types.ts';
import { readAll } from './read-all.ts';
import { isPassingStatus } from './retry.ts';
import type { HttpResponse } from './transport.ts';

/** How the answers of a registry are read. */

export const MANIFEST_TYPES = [MEDIA.index, MEDIA.dockerIndex, MEDIA.manifest, MEDIA.dockerManifest].join(
  ', ',
);
const MAX_ERROR_BYTES = 64 * 1024;

/** @throws OrlopError that says what the registry said */
export async function expectStatus(
  answer: HttpResponse,
  wanted: readonly number[],
  subject: string,
): Promise<void> {
  if (wanted.includes(answer.status)) return;
  const said = await errorText(answer);
  const message = `${answer.url.host} refuses ${subject} with status ${answer.status}${said}`;
  if (answer.status === 401 || answer.status === 403)
    throw ociError('oci.registry-denied', message, { hint: 'log in with docker login' });
  if (answer.status === 404) throw ociError('oci.image-not-found', message);
  if (isPassingStatus(answer.status)) throw ociError('oci.registry-unreachable', message);
  throw ociError('oci.registry-refused', message);
}

/** distribution-spec "Error Codes". */
async function errorText(answer: HttpResponse): Promise<string> {
  try {
    const { errors } = parseObject(await readAll(answer, MAX_ERROR_BYTES), 'the answer');
    if (!Array.isArray(errors)) return '';
    const texts = errors.flatMap((error: { code?: unknown; message?: unknown }) =>
      [error?.code, error?.message].filter((part) => typeof part === 'string').join(' '),
    );
    // Printable characters only: the text goes to a terminal.
    return texts.length === 0
      ? ''
      : `: ${texts
          .join('; ')
          .replace(/[^\x20-\x7e]/g, '?')
          .slice(0, 500)}`;
  } catch {
    return '';
  }
}

/** The header's type, or the document's own: some registries send `application/json`. */
export function mediaTypeOf(answer: HttpResponse, bytes: Uint8Array): string {
  const header = answer.headers['content-type']?.split(';')[0]?.trim() ?? '';
  if (MANIFEST_TYPES.includes(header) && header !== '') return header;
  const own = parseObject(bytes, `the manifest of ${answer.url.host}`);
  if (typeof own['mediaType'] === 'string') return own['mediaType'];
  return Array.isArray(own['manifests']) ? MEDIA.index : MEDIA.manifest;
}

/** Where the content of an answer with status 206 begins (RFC 9110 §14.4); undefined where it does not say. */
export function rangeStart(answer: HttpResponse): number | undefined {
  const match = /^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '');
  return match === null ? undefined : Number(match[1]);
}

/**
 * Where an upload goes on. @throws OrlopError `oci.registry-answer` for no place, and for one that leaves TLS
 */
export function locationOf(answer: HttpResponse, subject: string): URL {
  const { location } = answer.headers;
  if (location === undefined)
    throw ociError('oci.registry-answer', `${answer.url.host} says for ${subject} not where to go on`);
  const next = new URL(location, answer.url);
  if (answer.url.protocol === 'https:' && next.protocol !== 'https:')
    throw ociError(
      'oci.registry-answer',
      `${answer.url.host} sends ${subject} to ${next.origin}, unencrypted`,
    );
  return next;
}
