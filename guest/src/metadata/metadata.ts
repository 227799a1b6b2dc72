import type { System } from '../system/system.ts';
import { askCloud, CLOUDS, cloudsOfFirmware, type Metadata, readDiscs } from './providers.ts';
import { CONFIG_FOLDER, receivedUserData, receiveFile } from './received.ts';
import { parseUserData } from './user-data.ts';

const MOUNT_POINT = '/run/config.disc';

/**
 * Finds out what this machine was given at its start, and writes it below /run/config.
 *
 * @param wanted - `cdrom`, `file=PATH`, names of clouds; none: a disc, then the cloud that the firmware names.
 * @returns the exit status: 0 also when there is nothing, as most machines have nothing.
 */
export function writeMetadata(
  system: System,
  wanted: readonly string[],
  say: (line: string) => void,
): number {
  const unknown = wanted.find((name) => name !== 'cdrom' && !name.startsWith('file=') && !CLOUDS.has(name));
  if (unknown !== undefined) {
    say(`metadata: there is no provider ${unknown}: cdrom, file=PATH, ${[...CLOUDS.keys()].join(', ')}`);
    return 2;
  }
  const names = wanted.length > 0 ? wanted : ['cdrom', ...cloudsOfFirmware(system)];
  for (const name of names) {
    const found = ask(system, name);
    if (found === undefined) continue;
    write(system, found);
    say(`metadata: from ${found.provider}`);
    return 0;
  }
  say(`metadata: nothing from ${names.join(', ')}`);
  return 0;
}

function ask(system: System, name: string): Metadata | undefined {
  if (name === 'cdrom') return readDiscs(system, MOUNT_POINT);
  if (!name.startsWith('file=')) return askCloud(system, name);
  const path = name.slice('file='.length);
  return receiveFile(system, path) ? { provider: `FILE ${path}`, values: new Map() } : undefined;
}

function write({ files }: System, { provider, values }: Metadata): void {
  files.makeFolder(CONFIG_FOLDER);
  files.write(`${CONFIG_FOLDER}/provider`, provider, { mode: 0o644 });
  for (const [name, value] of values) {
    if (name.includes('/'))
      files.makeFolder(`${CONFIG_FOLDER}/${name.slice(0, name.lastIndexOf('/'))}`, 0o700);
    files.write(`${CONFIG_FOLDER}/${name}`, value, { mode: name.startsWith('ssh/') ? 0o600 : 0o644 });
  }
  const hostname = values.get('hostname');
  if (hostname !== undefined) files.writeInPlace('/proc/sys/kernel/hostname', hostname);
  for (const entry of parseUserData(receivedUserData(files) ?? '') ?? []) {
    if (entry.kind === 'folder') files.makeFolder(`${CONFIG_FOLDER}/${entry.path}`, entry.mode);
    else files.write(`${CONFIG_FOLDER}/${entry.path}`, entry.content, { mode: entry.mode });
  }
}
