import { unreachable } from '@orlop/core';
import type { Share } from '../machine-spec.ts';
import { quote } from './quote.ts';

/** Of a share's devices. */
export function shareId(index: number): string {
  return `share${index}`;
}

/** What QEMU's monitor is given for a virtiofs share, in its own words: `chardev-add` and `device_add`. */
export interface ShareDevice {
  readonly chardev: Readonly<Record<string, unknown>>;
  readonly device: Readonly<Record<string, string | number>>;
}

export function shareDevice(share: Share, index: number, socket: string): ShareDevice {
  const id = shareId(index);
  return {
    chardev: {
      id,
      backend: { type: 'socket', data: { addr: { type: 'unix', data: { path: socket } }, server: false } },
    },
    device: deviceOf(share, index),
  };
}

function deviceOf({ tag }: Share, index: number): Readonly<Record<string, string | number>> {
  const id = shareId(index);
  return { driver: 'vhost-user-fs-pci', id, bus: sharePort(index), 'queue-size': 1024, chardev: id, tag };
}

/** Of the port that a share's device is behind. */
export function sharePort(index: number): string {
  return `shareport${index}`;
}

/** So many ports have a slot of a board to themselves, of which it has some twenty beside those of other devices. */
const OWN_SLOTS = 8;
const FUNCTIONS = 8;
/** What else a machine has takes slots from the first on; a q35 has devices of its own in the last. */
const LAST_SLOT = 0x1e;

/**
 * Each virtiofs share is behind a PCIe port of its own: only there a device can be taken away and put back while the guest runs,
 * which is how a machine with shares is saved, and how a server that died is replaced. The port stays. No addresses
 * are set aside for I/O ports, of which these devices have none and a board has few. Of many shares, eight have their ports
 * in one slot.
 */
export function sharePortArguments(shares: readonly Share[]): string[] {
  return shares.flatMap(({ kind }, index) => {
    if (kind !== 'virtiofs') return [];
    const number = index + 1;
    const port = `pcie-root-port,id=${sharePort(index)},chassis=${number},slot=${number},io-reserve=0`;
    return ['-device', `${port}${portPlace(index)}`];
  });
}

function portPlace(index: number): string {
  if (index < OWN_SLOTS) return '';
  const slot = LAST_SLOT - Math.floor((index - OWN_SLOTS) / FUNCTIONS);
  const place = (index - OWN_SLOTS) % FUNCTIONS;
  return `,addr=${slot.toString(16)}.${place}${place === 0 ? ',multifunction=on' : ''}`;
}

/** @param virtiofsSockets one for each virtiofs share; undefined leaves these out */
export function shareArguments(
  shares: readonly Share[],
  virtiofsSockets: readonly string[] | undefined,
): string[] {
  const sockets = [...(virtiofsSockets ?? [])];
  return shares.flatMap((share, index) => {
    const id = shareId(index);
    switch (share.kind) {
      case 'virtiofs': {
        if (virtiofsSockets === undefined) return [];
        const { driver, ...properties } = deviceOf(share, index);
        const words = Object.entries(properties).map(([name, value]) => `${name}=${quote(String(value))}`);
        return [
          ...['-chardev', `socket,id=${id},path=${quote(sockets.shift() ?? '')}`],
          ...['-device', [driver, ...words].join(',')],
        ];
      }
      case '9p': {
        const access = share.readOnly === true ? ',readonly=on' : '';
        return [
          ...[
            '-fsdev',
            `local,id=${id},path=${quote(share.hostPath)},security_model=none,multidevs=remap${access}`,
          ],
          ...['-device', `virtio-9p-pci,fsdev=${id},mount_tag=${quote(share.tag)}`],
        ];
      }
      default:
        return unreachable(share.kind);
    }
  });
}
