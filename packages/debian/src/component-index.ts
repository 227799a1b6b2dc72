import {
  ANNOTATION,
  attachSbom,
  choosePlatform,
  type Descriptor,
  type ImageStore,
  isAttestation,
  isIndexType,
  type Platform,
  writeIndex,
} from '@orlop/oci';

/** What the store has under the name for the platform. */
export async function findBuilt(
  store: ImageStore,
  reference: string,
  platform: Platform,
): Promise<{ readonly index: Descriptor; readonly manifest: Descriptor } | undefined> {
  const index = await store.find(reference);
  if (index === undefined || !isIndexType(index.mediaType)) return undefined;
  const { manifests } = await store.readIndex(index);
  const manifest = choosePlatform(
    manifests.filter((one) => !isAttestation(one)),
    platform,
  );
  return manifest !== undefined && (await store.hasBlob(manifest)) ? { index, manifest } : undefined;
}

export interface NewPlatform {
  readonly reference: string;
  readonly manifest: Descriptor;
  /** Its bill of materials, where there is one. */
  readonly document?: Readonly<Record<string, unknown>>;
}

/** The index of what the name has for other platforms, and this one, in an order that no history changes. */
export async function joinPlatforms(store: ImageStore, added: NewPlatform): Promise<Descriptor> {
  const { manifest, document } = added;
  const platform = manifest.platform ?? { os: 'linux', architecture: '' };
  const before = await store.find(added.reference);
  const old =
    before === undefined || !isIndexType(before.mediaType) ? [] : (await store.readIndex(before)).manifests;
  const images = [
    ...old.filter((one) => !isAttestation(one) && one.platform?.architecture !== platform.architecture),
    manifest,
  ].sort((a, b) => ((a.platform?.architecture ?? '') < (b.platform?.architecture ?? '') ? -1 : 1));
  const subjects = images.map((one) => one.digest as string);
  const statements = old.filter(
    (one) => isAttestation(one) && subjectOf(one) !== manifest.digest && subjects.includes(subjectOf(one)),
  );
  const index = await writeIndex(store, [...images, ...statements]);
  const attached = document === undefined ? index : await attachSbom(store, { index, platform, document });
  // All of them as the store reads them: the order of their fields must not tell which was built last.
  const { manifests } = await store.readIndex(attached);
  const attestations = manifests
    .filter(isAttestation)
    .sort((a, b) => subjects.indexOf(subjectOf(a)) - subjects.indexOf(subjectOf(b)));
  return await writeIndex(store, [...manifests.filter((one) => !isAttestation(one)), ...attestations]);
}

function subjectOf(attestation: Descriptor): string {
  return attestation.annotations?.[ANNOTATION.referenceDigest] ?? '';
}
