import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { registerNetDown } from './net-down.ts';
import { registerNetUp } from './net-up.ts';

export function registerNet(program: Command, context: CommandContext): void {
  const net = program.command('net').description('virtual networks');
  registerNetUp(net, context);
  registerNetDown(net, context);
}
