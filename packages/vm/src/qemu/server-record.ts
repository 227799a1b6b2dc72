import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../machine-folder.ts';

/** Which server of a machine is meant. */
export interface ServerPlace {
  /** The machine's. */
  readonly folder: string;
  readonly index: number;
}

/** What a server serves, and the process that was started; that one may have another do the work. */
interface Served {
  readonly folder: string;
  readonly process: number;
  readonly socket: string;
}

/** Writes down what a server that was just started serves, for whoever looks after the machine. */
export async function recordServer(
  { folder, index }: ServerPlace,
  {
    shared,
    process,
    socket,
  }: { readonly shared: FileIdentity; readonly process: number; readonly socket: string },
): Promise<void> {
  const served: Served = { folder: identityOf(shared), process, socket };
  await replaceFile(servedFile(folder, index), JSON.stringify(served));
}

/**
 * Whether the path of a share leads to another folder than the one that its server opened, which goes on being served: it was
 * moved away or removed, and made anew. One that is merely not there now is not replaced.
 */
export async function isReplaced(hostPath: string, place: ServerPlace): Promise<boolean> {
  const served = await readServed(place);
  const found = await stat(hostPath).catch(() => undefined);
  return served !== undefined && found?.isDirectory() === true && identityOf(found) !== served.folder;
}

async function readServed({ folder, index }: ServerPlace): Promise<Served | undefined> {
  const path = servedFile(folder, index);
  const served: Partial<Served> | null | undefined = await readFile(path, 'utf8')
    .then((text) => JSON.parse(text))
    .catch(() => undefined); // of a server that nothing was written down of, or of another Orlop
  const { folder: identity, process, socket } = served ?? {};
  if (typeof identity !== 'string' || typeof process !== 'number' || typeof socket !== 'string')
    return undefined;
  return { folder: identity, process, socket };
}

/**
 * The part of the files that a server may have open which it has: it keeps open what its guest remembers. 0 where that cannot be
 * seen.
 */
export async function serverFullness(place: ServerPlace): Promise<number> {
  const served = await readServed(place);
  if (served === undefined) return 0;
  const { process, socket } = served;
  const children = await readProc(process, `task/${process}/children`);
  const processes = [process, ...children.split(' ').map(Number).filter(Boolean)];
  return Math.max(...(await Promise.all(processes.map((one) => fullness(one, socket)))));
}

async function fullness(process: number, socket: string): Promise<number> {
  const [command, limits] = await Promise.all([readProc(process, 'cmdline'), readProc(process, 'limits')]);
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  if (!command.includes(socket) || !(limit > 0)) return 0;
  return (await openFiles(process)) / limit;
}

/** Linux has it as the folder's size from 6.2 on (proc_pid_fd(5)); before, they are counted. */
async function openFiles(process: number): Promise<number> {
  const folder = `/proc/${process}/fd`;
  const size = (await stat(folder).catch(() => undefined))?.size ?? 0;
  return size > 0 ? size : (await readdir(folder).catch(() => [])).length;
}

function readProc(process: number, name: string): Promise<string> {
  return readFile(`/proc/${process}/${name}`, 'latin1').catch(() => '');
}

/** A folder that a server has open keeps its number, so no other has it. */
interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

function identityOf({ dev, ino }: FileIdentity): string {
  return `${dev}:${ino}`;
}

function servedFile(folder: string, index: number): string {
  return join(folder, `share${index}.served`);
}
