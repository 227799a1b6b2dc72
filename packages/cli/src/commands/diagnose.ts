import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

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
      const { outputFile } = await import('@orlop/kit');
      const output = await outputFile(
        resolve(context.cwd, options.output ?? `orlop-diagnose-${name}.tar.gz`),
      );
      const partial = `${output}.partial`;
      const folder = await mkdtemp(join(tmpdir(), 'orlop-diagnose-'));
      try {
        for (const { name: file, text } of texts) await writeFile(join(folder, file), text, { mode: 0o600 });
        const names = texts.map((one) => `./${one.name}`);
        await promisify(execFile)('tar', ['-czf', partial, '-C', folder, ...names], {
          signal: context.signal,
        });
        await chmod(partial, 0o600);
        await rename(partial, output);
      } finally {
        await rm(folder, { recursive: true, force: true });
        await rm(partial, { force: true });
      }
      context.stdout.write(`${output}\n`);
    });
}
