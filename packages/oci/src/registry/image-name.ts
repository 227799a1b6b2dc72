import { ociError } from '../errors.ts';
import { formatReference } from '../reference.ts';
import type { Repository } from './calls.ts';

/** An image's name by tag or digest, for messages. */
export function nameOf(repository: Repository, version: string): string {
  return version.includes(':')
    ? `${repository.domain}/${repository.repository}@${version}`
    : formatReference({ ...repository, tag: version });
}

/** `oci.image-not-found`, with the whole name of the image. */
export function notFound(repository: Repository, version: string): Error {
  return ociError('oci.image-not-found', `the registry has no image ${nameOf(repository, version)}`);
}
