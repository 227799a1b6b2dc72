import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const program = join(here, '../../../../guest/src/programs/engine-sync-copy.ts');

/** The machine's own program for a synchronised copy, bundled to run on Node. */
export async function bundleCopyProgram(outfile: string): Promise<void> {
  await build({
    entryPoints: [program],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    alias: { os: join(here, 'quickjs/os.ts'), std: join(here, 'quickjs/std.ts') },
    banner: { js: 'globalThis.scriptArgs = process.argv.slice(1);' },
    logLevel: 'error',
  });
}

/** A connection to a process of it that serves `folder`, as the machine would. */
export async function serveCopy(
  bundle: string,
  folder: string,
): Promise<{ readonly stream: Duplex; readonly child: ChildProcess }> {
  await mkdir(join(folder, 'tree'), { recursive: true });
  await mkdir(join(folder, 'stage'), { recursive: true });
  const child = spawn(process.execPath, [bundle, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined);
  const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
  return { stream, child };
}
