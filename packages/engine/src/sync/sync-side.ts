import type { Change } from './reconcile.ts';

/** What is under a name on one side, as the side's own file system says. */
export interface RawEntry {
  readonly name: string;
  /** `other`: what is not kept in step. */
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly mode: number;
  readonly sizeBytes: number;
  readonly hint: string;
  /** When anything of it was last changed, by the side's own clock. */
  readonly changedMs: number;
  readonly target?: string;
}

/** A file's bytes, once. */
export interface Content {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Exactly `sizeBytes`. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** After the last byte: whether nobody wrote to the file meanwhile. */
  isWhole(): boolean;
}

/** `changed`: something else was there than the change was meant for. */
export type Outcome =
  | { readonly kind: 'done'; readonly hint?: string }
  | { readonly kind: 'changed' }
  | { readonly kind: 'failed'; readonly reason: string };

/** One side of a synchronised share. Paths are below its folder (`a/b`; empty: itself); no link is ever followed. */
export interface SyncSide {
  /** Undefined for what cannot be listed. */
  list(
    folders: readonly string[],
  ): Promise<{ readonly nowMs: number; readonly folders: readonly (readonly RawEntry[] | undefined)[] }>;
  stat(
    paths: readonly string[],
  ): Promise<{ readonly nowMs: number; readonly entries: readonly (RawEntry | undefined)[] }>;
  digest(paths: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** Calls back for each in turn, and takes what is left of a content when that returns. */
  read(
    paths: readonly string[],
    each: (index: number, content: Content | undefined) => Promise<void>,
  ): Promise<void>;
  /** Keeps a content under a number until {@link apply}. */
  stage(number: number, mode: number, content: Content): Promise<void>;
  /** Carries changes out in their order; the content of a file is the one staged under the change's index. */
  apply(changes: readonly Change[]): Promise<readonly Outcome[]>;
}

/** Names that both sides can carry: valid UTF-8, one line. */
export function isPortableName(name: string): boolean {
  return !/[\n\0/\uFFFD]/.test(name) && name !== '' && name !== '.' && name !== '..';
}

/** Where contents wait within a tree, where no other folder of its file system is at hand. */
export const STAGE_NAME = '.orlop-sync';
/** A mode that one side could not work with itself is no mode of both. */
export const FILE_FLOOR = 0o400;
export const FOLDER_FLOOR = 0o700;
