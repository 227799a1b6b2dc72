import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function registerDoctor(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .description('look over what this host has for Orlop, and say what is missing')
    .option('--json', 'print as JSON')
    .option('--refresh', 'try the accelerator again, whatever was found before')
    .addHelpText(
      'after',
      '\nExit status 1 when something fails that no image can be built or booted without.',
    )
    .action(async (options: { json?: boolean; refresh?: boolean }) => {
      const { examineHost } = await import('./doctor-checks.ts');
      const findings = await examineHost(context, { refresh: options.refresh === true });
      if (options.json === true) context.stdout.write(`${JSON.stringify(findings, undefined, 2)}\n`);
      else for (const finding of findings) context.stdout.write(formatFinding(finding));
      if (findings.some((finding) => finding.status === 'fail')) process.exitCode = 1;
    });
}

function formatFinding(finding: import('./doctor-finding.ts').Finding): string {
  const mark = { ok: 'ok  ', note: 'note', fail: 'FAIL' }[finding.status];
  const hint = finding.hint === undefined ? '' : `      hint: ${finding.hint}\n`;
  return `${mark}  ${finding.name}: ${finding.detail}\n${hint}`;
}
