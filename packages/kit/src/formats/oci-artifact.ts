import { type EntryStream, writeTar } from '@orlop/archive';
import type { FileNode } from '@orlop/disk';
import { ANNOTATION, type Descriptor, type Digest, digestOf, MEDIA } from '@orlop/oci';
import { fileMember } from './archive-member.ts';
import { hashContent } from './content-hash.ts';
import { bytesNode } from './file-nodes.ts';
import type { FormatContext, OutputFormat } from './format.ts';

/** What the artifact calls itself and its parts; tools that run containers leave such images alone. */
const ARTIFACT_TYPE = 'application/vnd.orlop.boot.v1';
const CONFIG_TYPE = 'application/vnd.orlop.boot.config.v1+json';
const LAYER_TYPES = {
  kernel: 'application/vnd.orlop.boot.kernel.v1',
  initrd: 'application/vnd.orlop.boot.initrd.v1',
  cmdline: 'application/vnd.orlop.boot.cmdline.v1',
} as const;

/** Of OCI image-spec, annotations.md; clients of artifacts give files this name. */
const TITLE = 'org.opencontainers.image.title';

interface Blob {
  readonly descriptor: Descriptor;
  readonly node: FileNode;
}

/** A bootable image that registries keep: an OCI image layout (image-layout.md) of one artifact, as a tar archive. */
export const ociFormat: OutputFormat = {
  name: 'oci',
  summary: 'kernel, initrd and command line as an OCI artifact for registries, in an image layout',
  outputs: (name) => [`${name}.oci.tar`],
  needsKernel: true,
  singleFile: true,
  usesTree: true,
  write: async (context) =>
    context.outputs.write(`${context.name}.oci.tar`, writeTar(layout(context, await bootBlobs(context)))),
};

async function bootBlobs(context: FormatContext): Promise<readonly Blob[]> {
  const { name } = context;
  const { kernel, initrd, cmdline } = await context.bootParts.whole(context);
  return [
    await blob(kernel, { mediaType: LAYER_TYPES.kernel, title: `${name}-kernel` }),
    await blob(initrd, { mediaType: LAYER_TYPES.initrd, title: `${name}-initrd.img` }),
    ...(cmdline === ''
      ? []
      : [await blob(bytesNode(cmdline), { mediaType: LAYER_TYPES.cmdline, title: `${name}-cmdline` })]),
  ];
}

async function* layout({ name, architecture }: FormatContext, layers: readonly Blob[]): EntryStream {
  const platform = { os: 'linux', architecture };
  // Of the form of an image's configuration as far as it says what the artifact is for.
  const config = document(
    {
      ...platform,
      rootfs: { type: 'layers', diff_ids: layers.map(({ descriptor }) => descriptor.digest) },
    },
    { mediaType: CONFIG_TYPE },
  );
  const manifest = document(
    {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      artifactType: ARTIFACT_TYPE,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
    },
    { mediaType: MEDIA.manifest, artifactType: ARTIFACT_TYPE },
  );
  const reference = `${referenceName(name)}:latest`;
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [
      {
        ...manifest.descriptor,
        platform,
        annotations: { [ANNOTATION.imageName]: reference, [ANNOTATION.refName]: reference },
      },
    ],
  };
  yield fileMember('oci-layout', bytesNode(JSON.stringify({ imageLayoutVersion: '1.0.0' })));
  yield fileMember('index.json', bytesNode(JSON.stringify(index)));
  const blobs = new Map([manifest, config, ...layers].map((one) => [one.descriptor.digest, one.node]));
  for (const [digest, node] of blobs) yield fileMember(`blobs/${digest.replace(':', '/')}`, node);
}

async function blob(
  node: FileNode,
  { mediaType, title }: { mediaType: string; title: string },
): Promise<Blob> {
  const digest: Digest = `sha256:${(await hashContent(node.open())).digest('hex')}`;
  return {
    descriptor: { mediaType, digest, size: node.sizeBytes, annotations: { [TITLE]: title } },
    node,
  };
}

function document(content: unknown, type: Pick<Descriptor, 'mediaType' | 'artifactType'>): Blob {
  const bytes = new TextEncoder().encode(JSON.stringify(content));
  return {
    descriptor: { ...type, digest: digestOf(bytes), size: bytes.length },
    node: bytesNode(bytes),
  };
}

/** A name of files as one of repositories: distribution-spec, "Pulling manifests". */
function referenceName(name: string): string {
  const safe = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return safe === '' ? 'image' : safe;
}
