import { ociError } from './errors.ts';
import type { Digest } from './types.ts';

/** The name of an image, in Docker's grammar (distribution/reference). */
export interface Reference {
  /** `docker.io` where the text has none. */
  readonly domain: string;
  /** With `library/` before a bare name of docker.io. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const DEFAULT_DOMAIN = 'docker.io';
const OFFICIAL = 'library/';
const MAX_NAME_LENGTH = 255;

const DOMAIN =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const PATH_PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/**
 * @throws OrlopError oci.bad-reference, which says what is wrong with it
 */
export function parseReference(text: string): Reference {
  const wrong = (why: string) =>
    ociError('oci.bad-reference', `${JSON.stringify(text)} is no image reference: ${why}`);
  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf('@');
  if (at !== -1) {
    const written = rest.slice(at + 1);
    if (!DIGEST.test(written)) throw wrong(`${JSON.stringify(written)} is no sha256 or sha512 digest`);
    digest = written as Digest; // as the pattern says
    rest = rest.slice(0, at);
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon > rest.lastIndexOf('/')) {
    tag = rest.slice(colon + 1);
    if (!TAG.test(tag)) throw wrong(`${JSON.stringify(tag)} is no tag`);
    rest = rest.slice(0, colon);
  }
  const { domain, path } = splitDomain(rest);
  if (!DOMAIN.test(domain)) throw wrong(`${JSON.stringify(domain)} is no host name`);
  const repository = domain === DEFAULT_DOMAIN && !path.includes('/') ? OFFICIAL + path : path;
  for (const part of repository.split('/')) {
    if (PATH_PART.test(part)) continue;
    if (part === '') throw wrong('a part of the name is empty');
    throw wrong(
      part !== part.toLowerCase()
        ? `${JSON.stringify(part)} has upper-case letters`
        : `${JSON.stringify(part)} has characters that a name cannot have`,
    );
  }
  if (domain.length + 1 + repository.length > MAX_NAME_LENGTH)
    throw wrong(`it has over ${MAX_NAME_LENGTH} characters`);
  return { domain, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** `domain/repository[:tag][@digest]`. */
export function formatReference(reference: Reference): string {
  const { domain, repository, tag, digest } = reference;
  return `${domain}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/**
 * The full name by Docker's rules: `redis` becomes `docker.io/library/redis:latest`.
 *
 * @throws OrlopError oci.bad-reference
 */
export function expandReference(text: string): string {
  return formatReference(withDefaultTag(parseReference(text)));
}

/** As short as Docker prints it: without `docker.io/` and `library/`. */
export function familiarReference(reference: Reference): string {
  const full = formatReference(reference);
  const prefix = `${DEFAULT_DOMAIN}/`;
  if (!full.startsWith(prefix)) return full;
  const rest = full.slice(prefix.length);
  return rest.startsWith(OFFICIAL) ? rest.slice(OFFICIAL.length) : rest;
}

/** A reference that names no version means the tag `latest`. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: 'latest' }
    : reference;
}

/** The first part is a host when it has a dot or a port, or is `localhost`, or has upper-case letters. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  if (first !== '' && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase())) {
    const path = name.slice(slash + 1);
    return { domain: first === 'index.docker.io' ? DEFAULT_DOMAIN : first, path };
  }
  return { domain: DEFAULT_DOMAIN, path: name };
}
