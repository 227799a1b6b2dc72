import { ociError } from '../errors.ts';

/** Where to read images of a registry from, before the registry itself. */
export interface Mirror {
  /** A reference's domain; `undefined` means every registry. */
  readonly registry?: string;
  readonly url: URL;
}

/** The host that answers for `docker.io`. */
const DOCKER_HUB_API = 'index.docker.io';

/** Reads `[REGISTRY=]URL`. @throws OrlopError oci.bad-reference */
export function parseMirror(text: string): Mirror {
  const match = /^(?:([^=/]+)=)?(https?:\/\/.+)$/.exec(text);
  try {
    const url = new URL(match?.[2] ?? '');
    const registry = match?.[1];
    return { url, ...(registry !== undefined && { registry }) };
  } catch (cause) {
    throw ociError(
      'oci.bad-reference',
      `${JSON.stringify(text)} is no mirror: [REGISTRY=]http[s]://HOST[:PORT] is expected`,
      { cause },
    );
  }
}

/** The mirrors of a registry, in the order to ask them: those that name it before those for all. */
export function mirrorsOf(mirrors: readonly Mirror[], domain: string): readonly Mirror[] {
  return [
    ...mirrors.filter(({ registry }) => registry === domain),
    ...mirrors.filter(({ registry }) => registry === undefined),
  ];
}

/** The host to ask for a reference's domain. */
export function apiHost(domain: string): string {
  return domain === 'docker.io' ? DOCKER_HUB_API : domain;
}

/** Docker speaks plain HTTP to registries of this machine, where nobody listens in. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}
