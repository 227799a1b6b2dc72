import type { Console } from '../console.ts';
import type { System } from '../system/system.ts';
import { defaultConfiguration, type EngineConfiguration, parseConfiguration } from './configuration.ts';
import { mountDataDisk } from './data-disk.ts';
import { writeEngineFiles } from './engine-files.ts';
import { enginePaths } from './engine-paths.ts';
import { setKernelParameters } from './kernel-parameters.ts';
import { bringUpNetwork } from './network.ts';

/**
 * Makes the machine an engine, before its services start: the host's configuration, the data disk, the files that
 * dockerd starts with. Says each step on the console, where the host reads along: `orlop-engine: STEP: TEXT`.
 *
 * @returns the exit status: 0, or 1 when the engine must not start
 */
export function setUpEngine(system: System, console: Console): number {
  const say = (step: string, text: string): void => console.say(`engine: ${step}: ${text}`);
  const text = system.files.read(enginePaths.fromHost);
  let configuration: EngineConfiguration = defaultConfiguration();
  if (text === undefined) {
    say('configuration', 'none from the host, the engine is reached from within only');
  } else {
    const parsed = parseConfiguration(text);
    if (parsed.kind === 'problem') {
      say('failed', parsed.text);
      return 1;
    }
    configuration = parsed.value;
    say('configuration', 'read');
  }
  if (configuration.hostname !== '') {
    system.files.writeInPlace('/proc/sys/kernel/hostname', configuration.hostname);
  }
  const unreachable = bringUpNetwork(system, configuration.network);
  const gateway = defaultGateway(system.files.read('/proc/net/route') ?? '');
  say('network', unreachable ?? `gateway ${gateway ?? 'unknown'}`);
  const refused = setKernelParameters(system);
  if (refused.length > 0) say('kernel', `cannot set ${refused.join(', ')}`);
  const disk = mountDataDisk(system);
  if (disk.kind === 'failed') {
    say('failed', disk.text);
    return 1;
  }
  say('disk', `${disk.device}${disk.made ? ', new' : ''}${disk.grown ? ', grown' : ''}`);
  writeEngineFiles(system, { configuration, gateway: gateway ?? '' });
  return 0;
}

/** The gateway of the first default route in /proc/net/route (proc_pid_net(5): hexadecimal, in the machine's byte order). */
export function defaultGateway(table: string): string | undefined {
  for (const line of table.split('\n').slice(1)) {
    const [, destination, gateway, , , , , mask] = line.trim().split(/\s+/);
    if (destination !== '00000000' || mask !== '00000000' || gateway === undefined || gateway === '00000000')
      continue;
    const value = Number.parseInt(gateway, 16);
    return [value, value >>> 8, value >>> 16, value >>> 24].map((byte) => byte & 0xff).join('.');
  }
  return undefined;
}
