import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { registerBuild } from './build.ts';
import { registerCache } from './cache.ts';
import { registerDoctor } from './doctor.ts';
import { registerLogs } from './logs.ts';
import { registerNet } from './net.ts';
import { registerPkg } from './pkg.ts';
import { registerPs } from './ps.ts';
import { registerRm } from './rm.ts';
import { registerRun } from './run.ts';
import { registerConsole, registerStart } from './start.ts';
import { registerStop } from './stop.ts';
import { registerVersion } from './version.ts';

/** Adds one command (with its subcommands) to the program; heavy modules are imported inside its action. */
export type RegisterCommand = (program: Command, context: CommandContext) => void;

/** In the order of `orlop --help`. */
export const commands: readonly RegisterCommand[] = [
  registerBuild,
  registerRun,
  registerPs,
  registerLogs,
  registerConsole,
  registerStop,
  registerStart,
  registerRm,
  registerNet,
  registerPkg,
  registerCache,
  registerDoctor,
  registerVersion,
];
