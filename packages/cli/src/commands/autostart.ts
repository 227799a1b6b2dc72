import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

const run = promisify(execFile);

export function registerAutostart(program: Command, context: CommandContext): void {
  const command = program
    .command('autostart')
    .description('start an engine when you log in (systemd user unit)');
  command
    .command('enable')
    .description('write the unit and enable it')
    .argument('[name]', 'one of several engines', 'default')
    .action(async (name: string) => {
      await assertName(context, name);
      await enable(context, name);
    });
  command
    .command('disable')
    .description('disable the unit and remove it')
    .argument('[name]', 'one of several engines', 'default')
    .action(async (name: string) => {
      await assertName(context, name);
      const path = unitPath(context, name);
      await systemctl(context, ['disable', unitName(name)]);
      await rm(path, { force: true });
      await systemctl(context, ['daemon-reload']);
      context.stdout.write(`${path} removed\n`);
    });
  command
    .command('show')
    .description('print the unit')
    .argument('[name]', 'one of several engines', 'default')
    .action(async (name: string) => {
      await assertName(context, name);
      context.stdout.write(unitText(context, name));
    });
}

/** It becomes part of a file's name. @throws OrlopError `engine.bad-name` */
async function assertName(context: CommandContext, name: string): Promise<void> {
  const { instancePaths } = await import('@orlop/engine');
  const { engineHome } = await import('./engine-daemon.ts');
  instancePaths(engineHome(context), name);
}

async function enable(context: CommandContext, name: string): Promise<void> {
  const path = unitPath(context, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, unitText(context, name));
  const enabled =
    (await systemctl(context, ['daemon-reload'])) && (await systemctl(context, ['enable', unitName(name)]));
  context.stdout.write(`${path}\n`);
  if (!enabled)
    context.stderr.write(`systemd does not answer here; later: systemctl --user enable ${unitName(name)}\n`);
}

/**
 * `up` leaves the machine in the unit's control group, and the daemon, which serves other units' engines too; `down` ends
 * what is this unit's, and KillMode (systemd.kill(5)) keeps systemd from ending the rest after it.
 */
function unitText(context: CommandContext, name: string): string {
  const rest = [...process.execArgv, resolve(process.argv[1] ?? '')].map(quoteArgument);
  const words = [quote(process.execPath), ...rest].join(' ');
  const passed = ['ORLOP_HOME', 'ORLOP_CACHE', 'DOCKER_CONFIG', 'PATH'].flatMap((key) => {
    const value = context.env[key];
    return value === undefined ? [] : [`Environment=${quote(`${key}=${value}`)}`];
  });
  return [
    '[Unit]',
    `Description=Orlop engine ${name}`,
    '',
    '[Service]',
    'Type=oneshot',
    'RemainAfterExit=yes',
    ...passed,
    `ExecStart=${words} up --quiet ${name}`,
    `ExecStop=${words} down ${name}`,
    'KillMode=process',
    'TimeoutStartSec=1800',
    'TimeoutStopSec=120',
    '',
    '[Install]',
    'WantedBy=default.target',
    '',
  ].join('\n');
}

/** systemd.syntax(7): double quotes, with C's escapes; `%` is doubled (systemd.unit(5)). */
function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
}

/**
 * A word of a command, where a dollar sign would begin a variable: systemd.service(5), "COMMAND LINES". In the first word,
 * the program, it begins none, and doubled it would stay so.
 */
function quoteArgument(text: string): string {
  return quote(text).replaceAll('$', () => '$$');
}

function unitName(name: string): string {
  return `orlop-${name}.service`;
}

function unitPath({ env }: CommandContext, name: string): string {
  // Not set and empty are the same, and a relative path counts for nothing: XDG Base Directory Specification.
  const named = env['XDG_CONFIG_HOME'] ?? '';
  const config = named.startsWith('/') ? named : join(env['HOME'] ?? '/nonexistent', '.config');
  return join(config, 'systemd', 'user', unitName(name));
}

/** @returns whether systemd did it */
async function systemctl(context: CommandContext, words: readonly string[]): Promise<boolean> {
  try {
    await run('systemctl', ['--user', ...words]);
    return true;
  } catch (error) {
    context.logger.info('systemctl failed', { reason: String(error) });
    return false;
  }
}
