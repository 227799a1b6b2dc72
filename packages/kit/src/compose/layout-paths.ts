/** Where things stand in an image: the contract with the guest's init, LinuxKit's and Orlop's alike. */
export const BOOT_FOLDER = 'boot';
export const BOOT_KERNEL = 'boot/kernel';
export const BOOT_CMDLINE = 'boot/cmdline';
export const BOOT_UCODE = 'boot/ucode.cpio';
const VOLUMES_FOLDER = 'containers/volumes';
const SERVICES_FOLDER = 'containers/services';
export const SBOM_FILE = 'sbom.spdx.json';
export const DOCKERFILE = 'Dockerfile';

export type BootSection = 'onboot' | 'onshutdown';

/** `containers/onboot/000-dhcpcd`: the number keeps the order. */
export function bootFolder(section: BootSection, index: number, name: string): string {
  return `containers/${section}/${String(index).padStart(3, '0')}-${name}`;
}

/** Where the bundle of a service is. */
export function serviceFolder(name: string): string {
  return `${SERVICES_FOLDER}/${name}`;
}

/** Where the layers of a volume are. */
export function volumeFolder(name: string): string {
  return `${VOLUMES_FOLDER}/${name}`;
}

/** Where the guest has the volume, for containers to bind. */
export function volumeMountPoint(name: string): string {
  return `/${VOLUMES_FOLDER}/${name}/merged`;
}
