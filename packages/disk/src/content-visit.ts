import { contentPieces } from './content.ts';
import type { ContentStore, FileNode } from './tree.ts';

/** A file whose content is wanted, and where errors say it is. */
export interface ContentFile {
  readonly path: string;
  readonly node: FileNode;
}

export interface ContentVisitor<File extends ContentFile> {
  /**
   * Takes a piece of a content that begins at `at`: the whole of a small file, {@link CONTENT_PIECE_BYTES} of a large
   * one, less at its end. Files come in the order given, empty ones not at all. The bytes stay as they are until the
   * second `step` after this.
   */
  visit(file: File, at: number, bytes: Uint8Array): void;
  /** Called between reads: waits while too much is in the works. */
  step(): Promise<void>;
}

/** Pieces of large contents; a multiple of every file system's block. */
export const CONTENT_PIECE_BYTES = 1 << 20;
/** Files up to this are read many at a time. */
const MAX_SMALL_BYTES = 256 * 1024;
/** Not more at a time: a file system gives each of them a block. */
const MAX_SMALL_FILES = 256;
/** Two places of a store are read at once if no more than this lies between. */
const MAX_GAP_BYTES = 16 * 1024;
/** One is being read, one visited, one written. */
const BUFFERS = 3;

/**
 * Hands on the contents of files in their order, reading ahead. What a store holds is read in large pieces into three
 * buffers that are used over and over, many small files at once; other contents stream.
 */
export async function visitContents<File extends ContentFile>(
  files: Iterable<File>,
  visitor: ContentVisitor<File>,
): Promise<void> {
  const buffers: Uint8Array[] = [];
  let count = 0;
  const loads = planLoads(files);
  const begin = (): RunningLoad<File> | undefined => {
    const { value: load, done } = loads.next();
    if (done || load === undefined) return undefined;
    if (load.kind === 'stream') return { load, ready: Promise.resolve(), buffer: new Uint8Array(0) };
    const n = count++ % BUFFERS;
    const buffer = buffers[n] ?? new Uint8Array(CONTENT_PIECE_BYTES);
    buffers[n] = buffer;
    const ready = read(load, buffer);
    // Its failure is seen when its turn comes.
    ready.catch(() => {});
    return { load, ready, buffer };
  };
  let current = begin();
  while (current !== undefined) {
    const next = begin();
    try {
      await current.ready;
      await visitLoad(current, visitor);
    } catch (error) {
      await next?.ready.catch(() => {});
      throw error;
    }
    current = next;
  }
}

type Load<File> =
  | { readonly kind: 'stream'; readonly file: File }
  | {
      readonly kind: 'stored';
      readonly store: ContentStore;
      readonly runs: readonly Run[];
      /** Pieces in the order in which they are visited. */
      readonly pieces: readonly Piece<File>[];
    };

/** Bytes of a store, and where in the buffer they go. */
interface Run {
  readonly offset: number;
  readonly place: number;
  length: number;
}

interface Piece<File> {
  readonly file: File;
  /** Where in the file's content. */
  readonly at: number;
  readonly offset: number;
  readonly length: number;
  /** Where in the buffer. */
  place: number;
}

interface RunningLoad<File> {
  readonly load: Load<File>;
  readonly ready: Promise<void>;
  readonly buffer: Uint8Array;
}

function* planLoads<File extends ContentFile>(files: Iterable<File>): Generator<Load<File>, undefined> {
  const source = files[Symbol.iterator]();
  for (let upcoming = source.next(); !upcoming.done; ) {
    const file = upcoming.value;
    const { stored, sizeBytes } = file.node;
    if (stored === undefined) {
      if (sizeBytes > 0) yield { kind: 'stream', file };
      upcoming = source.next();
    } else if (sizeBytes > MAX_SMALL_BYTES) {
      for (let at = 0; at < sizeBytes; at += CONTENT_PIECE_BYTES) {
        const length = Math.min(CONTENT_PIECE_BYTES, sizeBytes - at);
        const offset = stored.offset + at;
        yield {
          kind: 'stored',
          store: stored.store,
          runs: [{ offset, place: 0, length }],
          pieces: [{ file, at, offset, length, place: 0 }],
        };
      }
      upcoming = source.next();
    } else {
      const pieces: Piece<File>[] = [];
      let total = 0;
      for (; !upcoming.done; upcoming = source.next()) {
        const next = upcoming.value;
        const { stored: place, sizeBytes: length } = next.node;
        if (place?.store !== stored.store || length > MAX_SMALL_BYTES) break;
        if (total + length > CONTENT_PIECE_BYTES || pieces.length === MAX_SMALL_FILES) break;
        total += length;
        if (length > 0) pieces.push({ file: next, at: 0, offset: place.offset, length, place: 0 });
      }
      if (pieces.length > 0)
        yield { kind: 'stored', store: stored.store, runs: joinRuns(pieces, total), pieces };
    }
  }
}

/** Gives the pieces places in a buffer, neighbours in the store beside each other. */
function joinRuns(pieces: readonly Piece<unknown>[], totalBytes: number): Run[] {
  let spare = CONTENT_PIECE_BYTES - totalBytes;
  const runs: Run[] = [];
  let run: Run | undefined;
  let filled = 0;
  for (const piece of inStoreOrder(pieces)) {
    const end = piece.offset + piece.length;
    const gap = run === undefined ? 0 : piece.offset - (run.offset + run.length);
    if (run === undefined || gap > Math.min(MAX_GAP_BYTES, spare)) {
      run = { offset: piece.offset, place: filled, length: piece.length };
      runs.push(run);
    } else {
      if (gap > 0) spare -= gap;
      run.length = Math.max(run.length, end - run.offset);
    }
    piece.place = run.place + piece.offset - run.offset;
    filled = run.place + run.length;
  }
  return runs;
}

function inStoreOrder<P extends Piece<unknown>>(pieces: readonly P[]): readonly P[] {
  for (let i = 1; i < pieces.length; i++)
    if ((pieces[i] as P).offset < (pieces[i - 1] as P).offset)
      return [...pieces].sort((a, b) => a.offset - b.offset);
  return pieces;
}

async function read(load: Load<unknown> & { kind: 'stored' }, buffer: Uint8Array): Promise<void> {
  await Promise.all(
    load.runs.map(({ offset, place, length }) =>
      load.store.read(offset, buffer.subarray(place, place + length)),
    ),
  );
}

async function visitLoad<File extends ContentFile>(
  { load, buffer }: RunningLoad<File>,
  visitor: ContentVisitor<File>,
): Promise<void> {
  if (load.kind === 'stored') {
    for (const { file, at, place, length } of load.pieces)
      visitor.visit(file, at, buffer.subarray(place, place + length));
    return visitor.step();
  }
  const { file } = load;
  let at = 0;
  for await (const piece of contentPieces(() => file.path, file.node, CONTENT_PIECE_BYTES)) {
    visitor.visit(file, at, piece);
    await visitor.step();
    at += piece.length;
  }
}
