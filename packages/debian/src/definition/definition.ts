import type { Architecture, SourcePosition } from '@orlop/core';

/** What every component's `build.yml`, in LinuxKit's form, says of its image. */
export interface ComponentNames {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** Absolute path of the build.yml. */
  readonly file: string;
  /** Last part of the repository, e.g. `redis`. */
  readonly image: string;
  readonly organisation: string;
  /** With `{{.Hash}}` where the content hash goes. */
  readonly tag: string;
  readonly architectures: readonly Architecture[];
  /** Files and folders outside the component's folder that count for its hash; absolute. */
  readonly extraSources: readonly string[];
  /** Where the definition comes from, for the label `org.opencontainers.image.source`. */
  readonly source?: string;
  /** The object of the label `org.mobyproject.config`. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A component whose content comes from Debian packages. */
export interface ComponentDefinition extends ComponentNames {
  readonly debian: DebianSection;
}

/** Areas of Debian's archive beside `main` (Debian policy, 2.2). */
export const ARCHIVE_AREAS = ['contrib', 'non-free', 'non-free-firmware'] as const;

/** A component that Docker builds, from a Dockerfile in its folder. */
export interface DockerfileComponent extends ComponentNames {
  readonly dockerfile: DockerfileSection;
}

export type AnyComponent = ComponentDefinition | DockerfileComponent;

export interface DockerfileSection {
  /** Name of the Dockerfile in the folder. */
  readonly name: string;
  /** `KEY=VALUE`, in their order. */
  readonly buildArguments: readonly string[];
  /** Whether the build may reach the network, as the definition says. */
  readonly network: boolean;
  /** Files and folders that stand in the build's context beside those of the component's folder. */
  readonly context: readonly { readonly from: string; readonly to: string }[];
}

/** Whether Docker builds the component. */
export function isByDockerfile(definition: AnyComponent): definition is DockerfileComponent {
  return 'dockerfile' in definition;
}

export interface DebianSection {
  readonly suite: string;
  /** Where packages come from, beside `main`. */
  readonly areas: readonly (typeof ARCHIVE_AREAS)[number][];
  readonly packages: readonly RestrictedName[];
  /** Packages that count as installed: left out, with what only they need. */
  readonly without: readonly RestrictedName[];
  readonly layout: Layout;
  /** When not empty, only these paths are taken from packages. */
  readonly only: readonly string[];
  readonly drop: readonly string[];
  /** Exceptions from `drop`, and from what is dropped always. */
  readonly keep: readonly string[];
  /** Files that packages ship, by path, and where they go instead: what Debian's diversions do. */
  readonly renames: ReadonlyMap<string, string>;
  readonly files: readonly FileDefinition[];
  readonly symlinks: readonly SymlinkDefinition[];
  readonly directories: readonly DirectoryDefinition[];
  readonly users: readonly UserDefinition[];
  readonly groups: readonly GroupDefinition[];
  readonly modes: readonly Assignment<number>[];
  readonly owners: readonly Assignment<Owner>[];
  readonly capabilities: readonly Assignment<readonly string[]>[];
  readonly kernel?: KernelSection;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: readonly string[];
  readonly workingFolder?: string;
  readonly user?: string;
  readonly stopSignal?: string;
}

/**
 * How Debian's merged `/usr` appears (docs/design/0025-components-from-debian.md): `merged` has the links `bin`, `sbin`,
 * `lib` and `lib64` into it, as Debian does; `split` has none of them, so that images unpack over each other.
 */
export type Layout = 'merged' | 'split';

/** A name, and the architectures it is for: `name [amd64 arm64]`, as in Debian's own control files. */
export interface RestrictedName {
  readonly name: string;
  /** Empty: all. */
  readonly architectures: readonly string[];
  readonly position: SourcePosition;
}

/** A user or group by number or by the name that the definition or the base of Debian gives it. */
export type Id = number | string;

export interface Owner {
  readonly user: Id;
  readonly group: Id;
}

/** Something said of every path that a glob matches. */
export interface Assignment<Value> {
  readonly pattern: string;
  readonly value: Value;
  readonly position: SourcePosition;
}

interface Placed {
  /** Without a leading slash. */
  readonly path: string;
  readonly owner: Owner;
  readonly mode: number;
  readonly position: SourcePosition;
}

export type FileContent =
  | { readonly kind: 'contents'; readonly text: string }
  /** A file of the host, absolute; relative ones start at the component's folder. */
  | { readonly kind: 'source'; readonly path: string }
  /** Files of the packages, one after the other in the order of their paths. */
  | { readonly kind: 'concatenate'; readonly pattern: string };

export interface FileDefinition extends Placed {
  readonly content: FileContent;
}

export type DirectoryDefinition = Placed;

/** One link, or one for each name of a file of names (a name a line) in a folder. */
export type SymlinkDefinition = {
  readonly target: string;
  readonly position: SourcePosition;
} & (
  | { readonly kind: 'one'; readonly path: string }
  | { readonly kind: 'each'; readonly folder: string; readonly namesFile: string }
);

export interface UserDefinition {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
  readonly comment: string;
  /** Field of /etc/shadow. */
  readonly password: string;
}

export interface GroupDefinition {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** Turns a Debian kernel package into LinuxKit's kernel image: `kernel` and `kernel.tar`. */
export interface KernelSection {
  /** Globs under `lib/modules/VERSION/kernel/`, or names of modules; with all that they depend on. */
  readonly modules: readonly RestrictedName[];
  readonly withoutModules: readonly RestrictedName[];
  /** Modules of the component's own: C files, absolute, each compiled for the kernel. */
  readonly sources: readonly RestrictedName[];
  /** Globs under `usr/lib/linux-image-VERSION/`: device trees, which go to `boot/dtb/`. */
  readonly deviceTrees: readonly string[];
}

/** The names that are for an architecture. */
export function namesFor(names: readonly RestrictedName[], architecture: string): readonly string[] {
  return names
    .filter((one) => one.architectures.length === 0 || one.architectures.includes(architecture))
    .map((one) => one.name);
}

/** `orlop/redis`: the repository as an image YAML writes it. */
export function repositoryOf(definition: Pick<ComponentNames, 'organisation' | 'image'>): string {
  return `${definition.organisation}/${definition.image}`;
}
