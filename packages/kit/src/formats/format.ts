import type { EntryStream } from '@orlop/archive';
import type { DirectoryNode } from '@orlop/disk';
import type { BootPartsMaker } from './boot-parts.ts';
import type { OutputSink } from './output-set.ts';

/** The composition as a format takes it. */
export interface FormatInput {
  /** In the order of composing, later entries replacing earlier ones. Can be asked for again. */
  stream(): EntryStream;
  /** As the tree that unpacking gives; files can be read at random and again. Spools to disk once. */
  tree(): Promise<DirectoryNode>;
}

/** A component of boot programs that formats take from `pkg/`, beside what the description names. */
export type BootComponent = 'boot-bios' | 'boot-efi' | 'boot-initrd' | 'boot-rpi3';

/** How the initial RAM disk is compressed. */
export type InitrdCompression = 'gzip' | 'zstd' | 'none';

export interface FormatContext {
  readonly input: FormatInput;
  /** What the names of the outputs begin with. */
  readonly name: string;
  readonly outputs: OutputSink;
  readonly architecture: string;
  /** As asked for, or what boots fastest of that which host and kernel can do. */
  readonly initrdCompression: InitrdCompression;
  /** The size that was asked for, for formats with a disk. */
  readonly sizeMiB?: number;
  /** Kernel and initrd as files, shared by the formats of a build. */
  readonly bootParts: BootPartsMaker;
  /** The entries of one of the format's {@link OutputFormat.bootComponents}. */
  bootComponent(name: BootComponent): EntryStream;
  readonly signal: AbortSignal;
}

/** A row of the table of output formats. */
export interface OutputFormat {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** The files that it writes for a name. */
  readonly outputs: (name: string) => readonly string[];
  /** Those of them that are the same whichever format of a build writes them. @default none */
  readonly commonOutputs?: (name: string) => readonly string[];
  /** Without a kernel in the description there is nothing to write. */
  readonly needsKernel: boolean;
  /** Whether a `Dockerfile` belongs in the root. @default false */
  readonly dockerfile?: boolean;
  /** Whether it can be the one file that `--o` names, or standard output. @default false */
  readonly singleFile?: boolean;
  /** Wants {@link FormatInput.tree}: the composition is then spooled from the start. @default false */
  readonly usesTree?: boolean;
  /** What a lock has to pin for it. @default none */
  readonly bootComponents?: readonly BootComponent[];
  write(context: FormatContext): Promise<void>;
}
