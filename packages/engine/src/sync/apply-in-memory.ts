import type { Change } from './reconcile.ts';
import { nodeAt, type SyncFolder, type SyncNode, setNode } from './sync-tree.ts';

/** Does to a tree what a change, carried out, has done to its side. @returns false where it cannot have been */
export function applyChange(root: SyncFolder, change: Change, hint?: string): boolean {
  const { path } = change;
  const there = nodeAt(root, path);
  const known = hint === undefined ? {} : { hint };
  switch (change.kind) {
    case 'folder':
      return (
        there === undefined && setNode(root, path, { kind: 'folder', mode: change.mode, children: new Map() })
      );
    case 'file':
      return (
        there?.kind !== 'folder' &&
        setNode(root, path, { ...change.file, hint: undefined, ...known } as SyncNode)
      );
    case 'link':
      return (
        there?.kind !== 'folder' &&
        setNode(root, path, { kind: 'link', target: change.link.target, ...known })
      );
    case 'mode':
      if (there?.kind !== 'file' && there?.kind !== 'folder') return false;
      return setNode(root, path, { ...there, mode: change.mode, ...known } as SyncNode);
    case 'remove':
      if (there === undefined || (there.kind === 'folder' && there.children.size > 0)) return false;
      return setNode(root, path, undefined);
    case 'set-aside':
      if (there === undefined || nodeAt(root, change.to) !== undefined) return false;
      return setNode(root, change.to, there) && setNode(root, path, undefined);
  }
}
