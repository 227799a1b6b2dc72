import { joinPath } from '../paths.ts';
import type { System } from './system.ts';

/** One promise of {@link System}, checked in an empty folder. */
export interface ComplianceCase {
  readonly title: string;
  /** What was found, and what should have been; equal as JSON if the promise is kept. */
  readonly check: (system: System, folder: string) => readonly [found: unknown, wanted: unknown];
}

/**
 * What every implementation must keep, apart from any test framework: the one on QuickJS is checked where it runs,
 * inside a guest (programs/system-compliance.ts), the one in memory by vitest.
 */
export const fileCompliance: readonly ComplianceCase[] = [
  {
    title: 'read gives back what write took, and undefined for what is not there',
    check: ({ files }, folder) => {
      const text = 'Grüße, 世界\n';
      files.write(joinPath(folder, 'a'), text);
      return [
        [files.read(joinPath(folder, 'a')), files.read(joinPath(folder, 'b')) === undefined],
        [text, true],
      ];
    },
  },
  {
    title: 'write keeps the mode that was asked for, and makes no folders',
    check: ({ files }, folder) => {
      files.write(joinPath(folder, 'a'), '', { mode: 0o600 });
      return [
        [files.status(joinPath(folder, 'a'))?.mode, files.write(joinPath(folder, 'no/b'), '')],
        [0o600, false],
      ];
    },
  },
  {
    title: 'append makes the file, and then adds to it',
    check: ({ files }, folder) => {
      const path = joinPath(folder, 'a');
      files.append(path, 'one ');
      files.append(path, 'two');
      return [files.read(path), 'one two'];
    },
  },
  {
    title: 'writeInPlace refuses a file that is not there',
    check: ({ files }, folder) => [files.writeInPlace(joinPath(folder, 'a'), 'x'), false],
  },
  {
    title: 'readEnd gives the last bytes only',
    check: ({ files }, folder) => {
      files.write(joinPath(folder, 'a'), '0123456789');
      return [
        [files.readEnd(joinPath(folder, 'a'), 3), files.readEnd(joinPath(folder, 'b'), 3)],
        ['789', ''],
      ];
    },
  },
  {
    title: 'list gives names in order, and nothing for what is no folder',
    check: ({ files }, folder) => {
      for (const name of ['b', 'a', 'C']) files.write(joinPath(folder, name), '');
      return [
        [files.list(folder), files.list(joinPath(folder, 'a'))],
        [['C', 'a', 'b'], []],
      ];
    },
  },
  {
    title: 'makeFolder makes parents, and is content with what is there',
    check: ({ files }, folder) => {
      const path = joinPath(folder, 'x/y/z');
      const made = [files.makeFolder(path), files.makeFolder(path)];
      files.write(joinPath(folder, 'file'), '');
      return [
        [...made, files.status(path)?.kind, files.makeFolder(joinPath(folder, 'file/z'))],
        [true, true, 'directory', false],
      ];
    },
  },
  {
    title: 'status follows a link and linkStatus does not',
    check: ({ files }, folder) => {
      files.write(joinPath(folder, 'a'), 'four');
      files.makeLink('a', joinPath(folder, 'link'));
      files.makeLink('nowhere', joinPath(folder, 'dangling'));
      return [
        [
          files.status(joinPath(folder, 'link'))?.sizeBytes,
          files.linkStatus(joinPath(folder, 'link'))?.kind,
          files.readLink(joinPath(folder, 'link')),
          files.status(joinPath(folder, 'dangling')) === undefined,
          files.makeLink('a', joinPath(folder, 'link')),
        ],
        [4, 'symlink', 'a', true, false],
      ];
    },
  },
  {
    title: 'copy makes a second file, and truncate cuts the first in place',
    check: ({ files }, folder) => {
      const [from, to] = [joinPath(folder, 'a'), joinPath(folder, 'b')];
      files.write(from, 'text');
      const copied = files.copy(from, to);
      files.truncate(from);
      return [
        [copied, files.read(from), files.read(to), files.copy(joinPath(folder, 'c'), to)],
        [true, '', 'text', false],
      ];
    },
  },
  {
    title: 'rename replaces, and remove takes files and empty folders only',
    check: ({ files }, folder) => {
      files.write(joinPath(folder, 'a'), 'new');
      files.write(joinPath(folder, 'b'), 'old');
      const renamed = [
        files.rename(joinPath(folder, 'a'), joinPath(folder, 'b')),
        files.read(joinPath(folder, 'b')),
      ];
      files.makeFolder(joinPath(folder, 'full'));
      files.write(joinPath(folder, 'full/file'), '');
      files.makeFolder(joinPath(folder, 'empty'));
      for (const name of ['b', 'full', 'empty', 'not-there']) files.remove(joinPath(folder, name));
      return [
        [...renamed, files.list(folder)],
        [true, 'new', ['full']],
      ];
    },
  },
];
