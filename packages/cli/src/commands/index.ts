import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { registerAutostart } from './autostart.ts';
import { registerBuild } from './build.ts';
import { registerCache } from './cache.ts';
import { registerClient } from './client.ts';
import { registerCompletion } from './completion.ts';
import { registerConfig } from './config.ts';
import { registerDaemon } from './daemon.ts';
import { registerDiagnose } from './diagnose.ts';
import { registerDisk } from './disk.ts';
import { registerDoctor } from './doctor.ts';
import { registerDown, registerReset, registerRestart } from './down.ts';
import { registerContext } from './engine-context.ts';
import { registerSleep } from './engine-sleep.ts';
import { registerGvproxy } from './gvproxy.ts';
import { registerLock } from './lock.ts';
import { registerLogs } from './logs.ts';
import { registerMetadata } from './metadata.ts';
import { registerNet } from './net.ts';
import { registerPkg } from './pkg.ts';
import { registerPs } from './ps.ts';
import { registerRegistry } from './registry.ts';
import { registerRm } from './rm.ts';
import { registerRun } from './run.ts';
import { registerSbom } from './sbom.ts';
import { registerServe } from './serve.ts';
import { registerShell } from './shell.ts';
import { registerSnapshot } from './snapshot.ts';
import { registerConsole, registerStart } from './start.ts';
import { registerStatus } from './status.ts';
import { registerStop } from './stop.ts';
import { registerSync } from './sync.ts';
import { registerUp } from './up.ts';
import { registerVersion } from './version.ts';

/** Adds one command (with its subcommands) to the program; heavy modules are imported inside its action. */
export type RegisterCommand = (program: Command, context: CommandContext) => void;

/** By the name of each; in the order of `orlop --help`. */
export const commands: Readonly<Record<string, RegisterCommand>> = {
  up: registerUp,
  down: registerDown,
  restart: registerRestart,
  status: registerStatus,
  config: registerConfig,
  context: registerContext,
  client: registerClient,
  registry: registerRegistry,
  shell: registerShell,
  sleep: registerSleep,
  disk: registerDisk,
  snapshot: registerSnapshot,
  sync: registerSync,
  reset: registerReset,
  diagnose: registerDiagnose,
  autostart: registerAutostart,
  daemon: registerDaemon,
  build: registerBuild,
  lock: registerLock,
  run: registerRun,
  ps: registerPs,
  logs: registerLogs,
  console: registerConsole,
  stop: registerStop,
  start: registerStart,
  rm: registerRm,
  net: registerNet,
  gvproxy: registerGvproxy,
  pkg: registerPkg,
  cache: registerCache,
  sbom: registerSbom,
  metadata: registerMetadata,
  serve: registerServe,
  doctor: registerDoctor,
  completion: registerCompletion,
  version: registerVersion,
};
