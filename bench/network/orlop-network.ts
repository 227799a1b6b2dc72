import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NET_NODE_OPTIONS } from '../../packages/cli/src/net-node-options.ts';

/** What starts a network as `orlop run` does, in a process whose parent is who runs it; words of `net up` may follow. */
export function orlopNetUp(repository: string, home: string): readonly [string, ...string[]] {
  const program = join(repository, 'dist', 'orlop.mjs');
  const node = [process.execPath, ...commandOptions(repository), ...NET_NODE_OPTIONS];
  return ['env', `ORLOP_HOME=${home}`, ...node, program, 'net', 'up'];
}

/** Node's of `orlop`, which what it starts in the background takes over. */
function commandOptions(repository: string): readonly string[] {
  const command = readFileSync(join(repository, 'orlop'), 'utf8');
  const words = /exec node ((?:--\S+ )+)"\$root/.exec(command)?.[1];
  if (words === undefined) throw new Error("what starts Node is not found in the repository's orlop");
  return words.trim().split(' ');
}
