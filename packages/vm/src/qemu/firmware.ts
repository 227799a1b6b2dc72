import { copyFile, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Architecture } from '@orlop/core';
import { vmError } from '../errors.ts';
import { type MachineFolder, machineFiles } from '../machine-folder.ts';
import type { MachineSpec } from '../machine-spec.ts';
import type { UefiFiles } from './arguments.ts';
import { firmwareFolders } from './programs.ts';

/** UEFI code and the template of its variables. */
export interface FirmwareFiles {
  readonly codePath: string;
  readonly templatePath: string;
}

const qemuNames: Readonly<Record<Architecture, string>> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  riscv64: 'riscv64',
};

/** The part that is read here of QEMU's docs/interop/firmware.json. */
interface Description {
  readonly 'interface-types'?: readonly string[];
  readonly mapping?: {
    readonly device?: string;
    readonly executable?: { readonly filename?: string; readonly format?: string };
    readonly 'nvram-template'?: { readonly filename?: string };
  };
  readonly targets?: readonly { readonly architecture?: string; readonly machines?: readonly string[] }[];
  readonly features?: readonly string[];
}

/**
 * The host's UEFI firmware without secure boot, by the descriptions that QEMU's packagers install.
 * @throws OrlopError `vm.firmware-missing`
 */
export async function findFirmware(
  arch: Architecture,
  folders: readonly string[] = firmwareFolders,
): Promise<FirmwareFiles> {
  for (const path of await listDescriptions(folders)) {
    const files = matchFirmware(await readFile(path, 'utf8'), arch);
    if (files !== undefined && (await isFile(files.codePath)) && (await isFile(files.templatePath)))
      return files;
  }
  const debianPackage = { amd64: 'ovmf', arm64: 'qemu-efi-aarch64', riscv64: 'qemu-efi-riscv64' }[arch];
  throw vmError('vm.firmware-missing', `this host has no UEFI firmware for ${arch} machines`, {
    hint: `on Debian: apt-get install ${debianPackage}; or name one with --fw`,
  });
}

/** Reads one description; undefined when it is for something else. */
export function matchFirmware(text: string, arch: Architecture): FirmwareFiles | undefined {
  const description = readDescription(text);
  if (description === undefined) return undefined;
  const { mapping, targets = [], features = [] } = description;
  const codePath = mapping?.executable?.filename;
  const templatePath = mapping?.['nvram-template']?.filename;
  const board = arch === 'amd64' ? 'pc-q35-' : 'virt';
  const fits =
    description['interface-types']?.includes('uefi') === true &&
    mapping?.device === 'flash' &&
    mapping.executable?.format === 'raw' &&
    !features.includes('secure-boot') &&
    targets.some(
      (target) =>
        target.architecture === qemuNames[arch] &&
        target.machines?.some((machine) => machine.startsWith(board)) === true,
    );
  return fits && codePath !== undefined && templatePath !== undefined
    ? { codePath, templatePath }
    : undefined;
}

/** Gives a machine its own variables; those that it has are kept. */
export async function makeVariables(templatePath: string, path: string): Promise<void> {
  if (await isFile(path)) return;
  const temporary = `${path}.tmp`;
  try {
    await copyFile(templatePath, temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The firmware that a machine asks for, with variables of its own in its folder. */
export async function prepareUefi(spec: MachineSpec, folder: MachineFolder): Promise<UefiFiles> {
  const { codePath } = spec.firmware?.kind === 'uefi' ? spec.firmware : {};
  if (codePath !== undefined) {
    const template = await templateOf(codePath);
    if (template === undefined) return { kind: 'whole', path: codePath };
    await makeVariables(template, folder.file('firmwareVariables'));
    return { kind: 'split', codePath, variablesPath: machineFiles.firmwareVariables };
  }
  const found = await findFirmware(spec.arch);
  await makeVariables(found.templatePath, folder.file('firmwareVariables'));
  return { kind: 'split', codePath: found.codePath, variablesPath: machineFiles.firmwareVariables };
}

/**
 * Where the variables of a firmware begin: in the file beside it whose name has VARS for CODE, or in what a description
 * says, since several may share one. @returns nothing for firmware that is one file
 */
export async function templateOf(
  codePath: string,
  folders: readonly string[] = firmwareFolders,
): Promise<string | undefined> {
  const sibling = join(dirname(codePath), basename(codePath).replace('CODE', 'VARS'));
  if (sibling !== codePath && (await isFile(sibling))) return sibling;
  for (const path of await listDescriptions(folders)) {
    const mapping = readDescription(await readFile(path, 'utf8'))?.mapping;
    const template = mapping?.['nvram-template']?.filename;
    if (mapping?.executable?.filename !== codePath || template === undefined) continue;
    if (await isFile(template)) return template;
  }
  return undefined;
}

function readDescription(text: string): Description | undefined {
  try {
    return (JSON.parse(text) as Description | null) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Sorted by name over all folders; a file in an earlier folder hides those of its name in later ones. */
async function listDescriptions(folders: readonly string[]): Promise<string[]> {
  const byName = new Map<string, string>();
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names) {
      if (name.endsWith('.json') && !byName.has(name)) byName.set(name, join(folder, name));
    }
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
