import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../progress.ts';
import { engineWord } from './engine-words.ts';

interface SnapshotOptions {
  readonly engine: string;
  readonly json?: boolean;
}

export function registerSnapshot(program: Command, context: CommandContext): void {
  const command = program
    .command('snapshot')
    .description(
      "copies of an engine's containers, images and volumes; it goes on while one is made, and is restarted to restore one",
    );
  const add = (text: string, summary: string) =>
    engineWord(command, { text, summary, argumentSummaries: { name: 'of the copy, as `ls` shows it' } });
  const connect = async () => (await import('./engine-daemon.ts')).ensureDaemon(context);
  add('create <name>', 'copy the data as it is').action(
    async (name: string, { engine, json }: SnapshotOptions) => {
      const made = await (await connect()).createSnapshot(engine, name, context);
      context.stdout.write(
        json ? `${JSON.stringify(made)}\n` : `${made.name} ${formatBytes(made.usedBytes)}\n`,
      );
    },
  );
  add('ls', 'list the copies').action(async ({ engine, json }: SnapshotOptions) => {
    const found = await (await connect()).snapshots(engine);
    if (json) context.stdout.write(`${JSON.stringify(found)}\n`);
    for (const { name, createdAt, usedBytes } of json ? [] : found) {
      context.stdout.write(`${name.padEnd(24)} ${createdAt} ${formatBytes(usedBytes)}\n`);
    }
  });
  add('restore <name>', 'put the data back as it was then').action(
    async (name: string, { engine, json }: SnapshotOptions) => {
      const status = await (await connect()).restoreSnapshot(engine, name, context);
      if (json) context.stdout.write(`${JSON.stringify(status)}\n`);
    },
  );
  add('rm <name>', 'remove a copy').action(async (name: string, { engine }: SnapshotOptions) => {
    await (await connect()).removeSnapshot(engine, name);
  });
}
