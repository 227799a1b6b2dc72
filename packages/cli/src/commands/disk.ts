import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../progress.ts';

interface DiskOptions {
  readonly json?: boolean;
}

export function registerDisk(program: Command, context: CommandContext): void {
  const command = program
    .command('disk')
    .description("an engine's data disk: what it takes of the host, and giving back");
  const connect = async () => (await import('./engine-daemon.ts')).ensureDaemon(context);
  command
    .command('usage', { isDefault: true })
    .description('show how much the host gives, and how large the disk may become')
    .argument('[name]', 'one of several engines', 'default')
    .option('--json', 'print as JSON')
    .action(async (name: string, { json }: DiskOptions) => {
      const { diskBytes, diskUsedBytes, savedBytes, snapshotBytes } = await (await connect()).usage(name);
      if (json) {
        context.stdout.write(`${JSON.stringify({ diskBytes, diskUsedBytes, savedBytes, snapshotBytes })}\n`);
        return;
      }
      context.stdout.write(
        `data         ${formatBytes(diskUsedBytes)} on the host, at most ${formatBytes(diskBytes)}\n` +
          `saved state  ${formatBytes(savedBytes)}\n` +
          `snapshots    ${formatBytes(snapshotBytes)}\n`,
      );
    });
  command
    .command('reclaim')
    .description('give blocks that no file has back to the host')
    .argument('[name]', 'one of several engines', 'default')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nWhat Docker itself keeps goes with `docker system prune`; this is for what\nis left after that.',
    )
    .action(async (name: string, { json }: DiskOptions) => {
      const result = await (await connect()).reclaimDisk(name);
      const { beforeBytes, afterBytes } = result;
      context.stdout.write(
        json
          ? `${JSON.stringify(result)}\n`
          : `${formatBytes(Math.max(0, beforeBytes - afterBytes))} given back: ${formatBytes(beforeBytes)} → ${formatBytes(afterBytes)}\n`,
      );
    });
}
