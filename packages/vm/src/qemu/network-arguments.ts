import { unreachable } from '@orlop/core';
import type { NetworkAttachment, PublishedPort } from '../machine-spec.ts';
import { quote } from './quote.ts';

/** One network card and what it is plugged into. */
export function networkArguments(network: NetworkAttachment, index: number, mac: string): string[] {
  const id = `net${index}`;
  // No option ROM: nobody boots from the network, and loading it takes time.
  const card = `virtio-net-pci,netdev=${id},mac=${mac},romfile=`;
  switch (network.kind) {
    case 'user':
      return [
        ...['-netdev', ['user', `id=${id}`, ...network.publish.map(forwardOption)].join(',')],
        ...['-device', card],
      ];
    case 'stream':
      return [
        '-netdev',
        `stream,id=${id},server=${network.listen === true ? 'on' : 'off'},addr.type=unix,addr.path=${quote(network.socketPath)}`,
        '-device',
        network.mtu === undefined ? card : `${card},host_mtu=${network.mtu}`,
      ];
    case 'tap':
      return [
        ...['-netdev', `tap,id=${id},ifname=${quote(network.device)},script=no,downscript=no`],
        ...['-device', card],
      ];
    case 'bridge':
      return ['-netdev', `bridge,id=${id},br=${quote(network.bridge)}`, '-device', card];
    default:
      return unreachable(network);
  }
}

function forwardOption(port: PublishedPort): string {
  return `hostfwd=${port.protocol}:${port.hostAddress}:${port.hostPort}-:${port.guestPort}`;
}
