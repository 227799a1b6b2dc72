import { recordBootStep } from '../boot/boot-record.ts';
import { Console } from '../console.ts';
import { parseKernelOptions } from '../kernel-command-line.ts';
import { joinPath, paths } from '../paths.ts';
import { type OnFailure, parseServiceOptions } from '../services/options.ts';
import { lastLines } from '../system/line-splitter.ts';
import { exitStatusOf, type RunOptions, type System } from '../system/system.ts';
import { type Bundle, listBundles } from './bundle.ts';
import {
  needsPreparedProcess,
  prepareFileSystem,
  releaseFileSystem,
  writeRunnableBundle,
} from './prepare.ts';
import { runc } from './runc.ts';

/** So many lines of a failed container's output are worth the console. */
const shownLines = 15;

/** What became of the whole list: `stopped` and `poweroff` are what a failed container's `onFailure` asked for. */
export type OneShotOutcome = 'done' | 'stopped' | 'poweroff';

/** Runs the containers of /containers/onboot or /containers/onshutdown, one after the other, by runc. */
export function runOneShots(system: System, kind: 'onboot' | 'onshutdown'): OneShotOutcome {
  const console = new Console(system);
  const kernelOptions = parseKernelOptions(system.files.read(paths.commandLine) ?? '');
  const logFolder = joinPath(paths.oneShotLogs, kind);
  system.files.makeFolder(logFolder);
  if (system.files.linkStatus(joinPath(paths.logs, kind)) === undefined) {
    system.files.makeLink(logFolder, joinPath(paths.logs, kind));
  }
  for (const bundle of listBundles(system, kind)) {
    const startedMs = system.time.uptimeMs();
    const status = runOneShot({ system, console, bundle, logFolder, kernelOptions });
    const endedMs = system.time.uptimeMs();
    recordBootStep(system, { name: `${kind} ${bundle.name}`, startedMs, endedMs, status });
    if (status === 0) {
      console.say(`${kind} ${bundle.name} done in ${((endedMs - startedMs) / 1000).toFixed(2)} s`);
      continue;
    }
    const onFailure = readOnFailure(system, bundle);
    if (onFailure === 'continue') continue;
    console.say(`${kind} ${bundle.name} failed, and its onFailure is "${onFailure}"`);
    return onFailure === 'stop' ? 'stopped' : 'poweroff';
  }
  return 'done';
}

interface OneShot {
  readonly system: System;
  readonly console: Console;
  readonly bundle: Bundle;
  readonly logFolder: string;
  readonly kernelOptions: { readonly runcDebug: boolean; readonly runcConsole: boolean };
}

/** @returns the container's exit status, or runc's own if there was no container */
function runOneShot({ system, console, bundle, logFolder, kernelOptions }: OneShot): number {
  const problem = prepareFileSystem(system, bundle);
  if (problem !== undefined) {
    console.say(`${bundle.kind} ${bundle.name} failed: ${problem}`);
    return 125;
  }
  const errorLog = joinPath(logFolder, `${bundle.kind}.${bundle.name}.log`);
  const outLog = joinPath(logFolder, `${bundle.kind}.${bundle.name}.out.log`);
  const output: RunOptions = kernelOptions.runcConsole
    ? {}
    : { stdout: { appendTo: outLog }, stderr: { appendTo: errorLog } };
  const folder = needsPreparedProcess(bundle) ? writeRunnableBundle(system, bundle) : bundle.folder;
  const debug = kernelOptions.runcDebug ? ['--debug'] : [];
  const ending = system.processes.run([...runc, ...debug, 'run', '--bundle', folder, bundle.name], output);
  releaseFileSystem(system, bundle);
  const status = exitStatusOf(ending);
  const text = system.files.readEnd(outLog, 65_536) + system.files.readEnd(errorLog, 65_536);
  if (status === 0) {
    if (text !== '') console.write(text.endsWith('\n') ? text : `${text}\n`);
    return 0;
  }
  console.say(`${bundle.kind} ${bundle.name} FAILED with exit status ${status}; its last lines:`);
  for (const line of lastLines(text, shownLines)) console.write(`    ${line}\n`);
  return status;
}

function readOnFailure(system: System, bundle: Bundle): OnFailure {
  return parseServiceOptions(system.files.read(joinPath(bundle.folder, 'orlop.json'))).onFailure;
}
