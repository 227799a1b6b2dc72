import { type Digest, isDigest } from '@orlop/oci';
import { stringify } from 'yaml';
import { kitError } from '../errors.ts';
import { parseYaml } from '../yaml/parse.ts';
import { ProblemList } from '../yaml/problems.ts';
import { integer, mapOf, object, type Reader, refine, string } from '../yaml/shape.ts';

/** What one reference stood for when it was locked. */
export interface LockedImage {
  /** Of the index, or of the manifest where there was none: what a registry is asked for. */
  readonly source: Digest;
  /** Of the manifest, by platform as `linux/amd64`: what an image must be. */
  readonly platforms: ReadonlyMap<string, Digest>;
}

/** Images by their full reference, after substitution. */
export type Lock = ReadonlyMap<string, LockedImage>;

const VERSION = 1;
const COMMENT = '# Written by `orlop lock`: `orlop build --locked` takes exactly these images.\n';

/** The text of a lock file: the same for the same lock. */
export function printLock(lock: Lock): string {
  const images = [...lock].sort(byKey).map(([reference, { source, platforms }]) => {
    return [reference, { source, platforms: Object.fromEntries([...platforms].sort(byKey)) }] as const;
  });
  return `${COMMENT}${stringify({ lockVersion: VERSION, images: Object.fromEntries(images) }, { lineWidth: 0 })}`;
}

/** @throws OrlopError `kit.invalid-lock` with all problems */
export function parseLock(text: string, file: string): Lock {
  const { root, problems: syntax } = parseYaml(text, file);
  const problems = new ProblemList();
  problems.addAll(syntax);
  const read = root === undefined ? undefined : lockShape(root, { path: '', problems });
  if (read === undefined || problems.length > 0) {
    throw kitError('kit.invalid-lock', `${file} is no lock file`, {
      problems: problems.sorted(),
      hint: 'write it anew by `orlop lock`',
    });
  }
  return new Map(
    Object.entries(read.images).map(([reference, { source, platforms }]) => [
      reference,
      { source, platforms: new Map(Object.entries(platforms)) },
    ]),
  );
}

/**
 * Both locks in one. Of an image that both have, the later one's source counts, and its platforms replace those of
 * the same name.
 */
export function mergeLocks(earlier: Lock, later: Lock): Lock {
  const merged = new Map(earlier);
  for (const [reference, image] of later) {
    const known = merged.get(reference);
    merged.set(reference, {
      source: image.source,
      platforms: new Map([...(known?.platforms ?? []), ...image.platforms]),
    });
  }
  return merged;
}

const digest: Reader<Digest> = refine(string, (text, node, at) => {
  if (isDigest(text)) return text;
  at.problems.add(node.position, `${at.path}: "${text}" is no digest`);
  return undefined;
});

const lockShape = object(
  {
    lockVersion: integer(VERSION, VERSION),
    images: mapOf(object({ source: digest, platforms: mapOf(digest) }, ['source', 'platforms'])),
  },
  ['lockVersion', 'images'],
);

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
