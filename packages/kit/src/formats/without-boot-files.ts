import type { DirectoryNode } from '@orlop/disk';
import { BOOT_FOLDER } from '../compose/layout-paths.ts';

/** A root without what boot loaders read. The folder `boot` itself stays, empty, as LinuxKit has it. */
export function withoutBootFiles(root: DirectoryNode): DirectoryNode {
  const boot = root.children.get(BOOT_FOLDER);
  if (boot?.type !== 'directory') return root;
  return { ...root, children: new Map([...root.children, [BOOT_FOLDER, { ...boot, children: new Map() }]]) };
}
