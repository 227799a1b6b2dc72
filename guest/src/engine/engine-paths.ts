/** Where the engine's set-up reads and writes; the service `docker` finds the same files there. */
export const enginePaths = {
  /** QEMU's `-fw_cfg name=opt/orlop/engine,file=…` (qemu_fw_cfg's documentation in the kernel, ABI/testing/sysfs-firmware-qemu_fw_cfg). */
  fromHost: '/sys/firmware/qemu_fw_cfg/by_name/opt/orlop/engine/raw',
  folder: '/run/engine',
  ca: '/run/engine/ca.pem',
  certificate: '/run/engine/cert.pem',
  key: '/run/engine/key.pem',
  daemon: '/run/engine/daemon.json',
  environment: '/run/engine/environment',
  certificates: '/run/engine/certificates',
  registryCertificates: '/run/engine/certs.d',
  /** Where the agent listens, the token, and the gateway's address, one a line. */
  agent: '/run/engine/agent',
  shares: '/run/engine/shares',
  firewall: '/run/engine/firewall',
  firewall6: '/run/engine/firewall6',
  data: '/var/lib',
  /** How large the disk was when its file system was last made to fill it. */
  dataSectors: '/var/lib/.orlop-disk-sectors',
} as const;

/** The file system's label: how the data disk is known again. */
export const dataLabel = 'orlop-data';

/** Where pkg/docker/engine-ports tells the host which ports containers on the machine's own network listen on. */
export const portsPort = 2374;

/** The gateway's port at which pkg/docker/engine-publish asks for ports of the host. */
export const portQuestionsPort = 5001;

/** Where pkg/docker/engine-exec runs commands of the host. */
export const execPort = 2371;

/** Where pkg/docker/engine-relay leads the host to programs on the machine's IPv6 loopback. */
export const relayPort = 2370;

/** Where pkg/docker/engine-sync answers for the copies of synchronised shares. */
export const syncPort = 2372;

/**
 * Where a program of the machine listens for what the host sends to one of the ports above: where containers publish nothing,
 * since dockerd listens on each port that it publishes. Beyond Linux's ports for clients, from which dockerd chooses.
 * The shell scripts of pkg/docker have the same.
 */
export function listeningPort(port: number): number {
  return 60_000 + (port % 5000);
}
