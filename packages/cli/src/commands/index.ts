import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { registerRun } from './run.ts';
import { registerVersion } from './version.ts';

/** Adds one command (with its subcommands) to the program; heavy modules are imported inside its action. */
export type RegisterCommand = (program: Command, context: CommandContext) => void;

/** In the order of `orlop --help`. */
export const commands: readonly RegisterCommand[] = [registerRun, registerVersion];
