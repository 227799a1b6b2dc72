import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { engineWord } from './engine-words.ts';

interface ConfigOptions {
  readonly engine: string;
  readonly json?: boolean;
  readonly global?: boolean;
  readonly dryRun?: boolean;
}

const ARGUMENTS = {
  setting: 'its name, as `ls` shows it',
  value: 'what it shall be; lists with commas, or as JSON',
};

export function registerConfig(program: Command, context: CommandContext): void {
  const config = program
    .command('config')
    .description("the engines' settings: defaults, the machine's policy, yours, each engine's own");
  const add = (text: string, summary: string) =>
    engineWord(config, { text, summary, argumentSummaries: ARGUMENTS });
  add('ls', 'list the settings, with where each comes from').action((options: ConfigOptions) =>
    list({ context, options }),
  );
  add('get <setting>', 'print one setting').action((name: string, options: ConfigOptions) =>
    get(name, { context, options }),
  );
  const change = (command: Command) =>
    command
      .option('--global', 'for all your engines')
      .option('--dry-run', 'only say what would change, and what would have to restart');
  change(add('set <setting> <value>', 'change a setting; lists with commas')).action(
    (name: string, value: string, options: ConfigOptions) => set(name, value, { context, options }),
  );
  change(add('unset <setting>', 'take a setting back to the layer below')).action(
    (name: string, options: ConfigOptions) => set(name, undefined, { context, options }),
  );
  config
    .command('schema')
    .description('print the JSON Schema of a settings file')
    .action(async () => {
      const { settingsSchema } = await import('@orlop/engine');
      context.stdout.write(`${JSON.stringify(settingsSchema(), undefined, 2)}\n`);
    });
}

interface Invocation {
  readonly context: CommandContext;
  readonly options: ConfigOptions;
}

async function list({ context, options }: Invocation): Promise<void> {
  const { formatValue, loadSettings, settingOf } = await import('@orlop/engine');
  const settings = await loadSettings(await pathsOf({ context, options }));
  if (options.json) {
    context.stdout.write(`${JSON.stringify(settings.list())}\n`);
    return;
  }
  for (const { name, value, layer, locked } of settings.list()) {
    const setting = settingOf(name);
    const text = formatValue(setting, value) || '-';
    const from = `${layer}${locked ? ', locked' : ''}`;
    context.stdout.write(`${name.padEnd(26)} ${text.padEnd(18)} ${from.padEnd(10)} ${setting.summary}\n`);
  }
}

async function get(name: string, { context, options }: Invocation): Promise<void> {
  const { formatValue, loadSettings, settingOf } = await import('@orlop/engine');
  const known = await settingName(name);
  const found = (await loadSettings(await pathsOf({ context, options }))).find(known);
  const text = options.json ? JSON.stringify(found) : formatValue(settingOf(known), found.value);
  context.stdout.write(`${text}\n`);
}

async function set(name: string, text: string | undefined, { context, options }: Invocation): Promise<void> {
  const { changeSetting, checkChange, formatValue, loadSettings, parseValue, settingOf } = await import(
    '@orlop/engine'
  );
  const known = await settingName(name);
  const setting = settingOf(known);
  const paths = await pathsOf({ context, options });
  const before = (await loadSettings(paths)).find(known);
  const change = {
    name: known,
    value: text === undefined ? undefined : parseValue(setting, text),
    scope: options.global === true ? ('user' as const) : ('instance' as const),
  };
  if (options.dryRun) await checkChange(paths, change);
  else await changeSetting(paths, change);
  const wanted =
    change.value === undefined
      ? undefined
      : formatValue(setting, (await checkChange(paths, change)) ?? before.value);
  const { findDaemon } = await import('./engine-daemon.ts');
  const engines = (await (await findDaemon(context))?.status())?.engines ?? [];
  // Also of one that rests: it comes back as it was.
  const active = engines.filter(
    ({ name, state }) =>
      (options.global === true || name === options.engine) &&
      state.kind !== 'stopped' &&
      state.kind !== 'failed',
  );
  const restart = setting.effect !== 'now';
  const report = {
    name: known,
    before: formatValue(setting, before.value),
    after: wanted ?? null,
    applied: options.dryRun !== true,
    restart,
    running: active.length > 0,
  };
  if (options.json) {
    context.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  context.stdout.write(
    `${known}: ${report.before || '-'} → ${wanted ?? 'the layer below'}${options.dryRun ? ' (dry run)' : ''}\n`,
  );
  const again = active.map(({ name }) => (name === 'default' ? 'orlop restart' : `orlop restart ${name}`));
  if (options.dryRun !== true) {
    const { value, layer } = (await loadSettings(paths)).find(known);
    const held = formatValue(setting, value);
    if (wanted !== undefined && held !== wanted)
      context.stdout.write(`but the engine "${options.engine}" has ${held}, by the layer ${layer}\n`);
  }
  if (restart && active.length > 0) context.stdout.write(`in force after \`${again.join('`, `')}\`\n`);
  else context.stdout.write(restart ? 'in force at the next `orlop up`\n' : 'in force at once\n');
}

async function pathsOf({ context, options }: Invocation) {
  const { instancePaths } = await import('@orlop/engine');
  const { engineHome } = await import('./engine-daemon.ts');
  return instancePaths(engineHome(context), options.engine);
}

async function settingName(name: string) {
  const { engineError, isSettingName, settingNames } = await import('@orlop/engine');
  if (isSettingName(name)) return name;
  throw engineError('engine.bad-setting', `there is no setting "${name}"`, {
    hint: `there are ${settingNames.join(', ')}`,
  });
}
