import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { writeOutput } from '../write-output.ts';

export function registerDiagnose(program: Command, context: CommandContext): void {
  program
    .command('diagnose')
    .description('gather what tells how an engine is into one archive, without secrets')
    .argument('[name]', 'one of several engines', 'default')
    .option('-o, --output <file>', 'where to (default: orlop-diagnose-NAME.tar.gz)')
    .option('--json', 'print it as JSON instead')
    .action(async (name: string, options: { output?: string; json?: boolean }) => {
      const { collectDiagnostics } = await import('@orlop/engine');
      const { examineHost } = await import('./doctor-checks.ts');
      const { engineHome } = await import('./engine-daemon.ts');
      const findings = await examineHost(context, { refresh: false });
      const texts = [
        ...(await collectDiagnostics(engineHome(context), name)),
        { name: 'doctor.json', text: `${JSON.stringify(findings, undefined, 2)}\n` },
      ];
      if (options.json) {
        context.stdout.write(
          `${JSON.stringify(Object.fromEntries(texts.map((one) => [one.name, one.text])))}\n`,
        );
        return;
      }
      const output = resolve(context.cwd, options.output ?? `orlop-diagnose-${name}.tar.gz`);
      await writeOutput(output, [await packed(texts, context.signal)], {
        signal: context.signal,
        mode: 0o600,
      });
      context.stdout.write(`${output}\n`);
    });
}

/** A compressed archive of them, in memory as they are. */
async function packed(
  texts: readonly { readonly name: string; readonly text: string }[],
  signal: AbortSignal,
): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-diagnose-'));
  try {
    for (const { name, text } of texts) await writeFile(join(folder, name), text, { mode: 0o600 });
    const words = ['-czf', '-', '-C', folder, ...texts.map(({ name }) => `./${name}`)];
    const { stdout } = await promisify(execFile)('tar', words, {
      ...{ signal, encoding: 'buffer', maxBuffer: Number.MAX_SAFE_INTEGER },
    });
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
