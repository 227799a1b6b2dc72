import { parseReference, withDefaultTag } from '@orlop/oci';
import { engineError } from '../errors.ts';

/** What is pushed, and the names it is given: those of Docker Hub, for which dockerd asks its mirror. */
export interface RegistryName {
  /** As the store has it. */
  readonly reference: string;
  /** `library/redis:latest` */
  readonly names: readonly string[];
}

/**
 * Reads `IMAGE[=NAME]`. An image without a slash is a component: `redis` is `orlop/redis`, and goes under its own name
 * and as `library/redis`, which is what `docker run redis` asks for.
 *
 * @throws OrlopError `engine.bad-image-name`
 */
export function parseRegistryName(text: string): RegistryName {
  const [image = '', as] = text.split('=', 2);
  const source = withDefaultTag(parseReference(image.includes('/') ? image : `orlop/${image}`));
  if (source.digest !== undefined) throw bad(text, 'a name with a tag is needed, not a digest');
  const tag = source.tag ?? 'latest';
  const reference = `${source.domain}/${source.repository}:${tag}`;
  if (as !== undefined) return { reference, names: [hubName(as, text)] };
  const short = `library/${source.repository.split('/').at(-1)}:${tag}`;
  return {
    reference,
    names: source.domain === 'docker.io' ? [short, `${source.repository}:${tag}`] : [short],
  };
}

function hubName(name: string, text: string): string {
  const { domain, repository, tag, digest } = withDefaultTag(parseReference(name));
  if (domain !== 'docker.io')
    throw bad(text, `a mirror is for names of Docker Hub, and ${domain} is another`);
  if (digest !== undefined) throw bad(text, 'an image is given a tag, not a digest');
  return `${repository}:${tag ?? 'latest'}`;
}

function bad(text: string, why: string): Error {
  return engineError('engine.bad-image-name', `"${text}": ${why}`, {
    hint: 'IMAGE[=NAME], as in orlop/redis=redis:8',
  });
}
