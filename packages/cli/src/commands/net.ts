import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { registerNetCapture } from './net-capture.ts';
import { registerNetDns } from './net-dns.ts';
import { registerNetDown } from './net-down.ts';
import { registerNetFlows } from './net-flows.ts';
import { registerNetForward } from './net-forward.ts';
import { registerNetLease } from './net-lease.ts';
import { registerNetLs } from './net-ls.ts';
import { registerNetStats } from './net-stats.ts';
import { registerNetUp } from './net-up.ts';

export function registerNet(program: Command, context: CommandContext): void {
  const net = program.command('net').description('virtual networks');
  registerNetUp(net, context);
  registerNetDown(net, context);
  registerNetLs(net, context);
  registerNetForward(net, context);
  registerNetDns(net, context);
  registerNetLease(net, context);
  registerNetFlows(net, context);
  registerNetCapture(net, context);
  registerNetStats(net, context);
}
