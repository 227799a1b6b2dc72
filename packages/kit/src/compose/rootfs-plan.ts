import type { EntryHeader, EntryStream } from '@orlop/archive';
import type { ImageDefaults } from '../spec/container-config.ts';

/** An image as composing needs it: whoever resolves references makes it. */
export interface ComposeImage {
  /** The full reference, e.g. `docker.io/library/redis:8`. */
  readonly reference: string;
  /** The digest of its manifest. */
  readonly digest: string;
  readonly defaults: ImageDefaults;
  readonly labels: Readonly<Record<string, string>>;
  /** The headers of its files, hard links left out. What was read for it serves the next {@link entries}. */
  headers(): Promise<Iterable<EntryHeader>>;
  /** The files of all its layers as one. Can be asked for again. */
  entries(): EntryStream;
  /** The image as an OCI layout, of some platforms only (all when absent). */
  layout(platforms: readonly string[] | undefined): EntryStream;
}

/** What becomes the root file system: everything decided, nothing left to look up. */
export interface RootfsPlan {
  readonly kernel?: KernelPlan;
  readonly init: readonly ComposeImage[];
  readonly volumes: readonly VolumePlan[];
  /** Of all three sections, in their order. */
  readonly containers: readonly ContainerPlan[];
  readonly files: readonly FilePlan[];
}

export interface KernelPlan {
  readonly image: ComposeImage;
  readonly cmdline: string;
  /** The name of the kernel in its image. */
  readonly binary: string;
  /** The name of the tar of its modules; absent when none is wanted. */
  readonly tar?: string;
  readonly ucode?: string;
  readonly decompress: boolean;
}

export interface VolumePlan {
  readonly name: string;
  readonly location: string;
  readonly image?: ComposeImage;
  readonly format: 'filesystem' | 'oci';
  readonly platforms?: readonly string[];
  readonly readonly: boolean;
}

export interface ContainerPlan {
  /** e.g. `containers/onboot/000-dhcpcd` */
  readonly folder: string;
  readonly location: string;
  readonly image: ComposeImage;
  readonly readonly: boolean;
  /** The folder of the image's files when this container is the first of its image to bring them. */
  readonly extractTo?: string;
  readonly configJson: string;
  readonly runtimeJson: string;
  /** Supervision; absent where the description asks for none. */
  readonly orlopJson?: string;
}

export interface FilePlan {
  readonly location: string;
  /** Without slashes around it. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content: FileContent;
}

export type FileContent =
  | { readonly kind: 'directory' }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'source'; readonly sizeBytes: number; read(): AsyncIterable<Uint8Array> };
