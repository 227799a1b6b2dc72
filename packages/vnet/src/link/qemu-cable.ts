import { vnetError } from '../errors.ts';
import type { HostSockets, HostStreamEvents } from '../host/host-sockets.ts';
import { qemuFraming } from './framing.ts';
import type { Link } from './link.ts';
import { StreamLink } from './stream-link.ts';

/**
 * Plugs into a machine that listens itself (QEMU's `-netdev stream,server=on`): the network may end and come back
 * while the machine runs on.
 *
 * @throws OrlopError `vnet.link-failed`
 */
export function connectQemu(
  path: string,
  { sockets, mtu }: { readonly sockets: HostSockets; readonly mtu: number },
): Promise<Link> {
  return new Promise((resolve, reject) => {
    let link: StreamLink | undefined;
    const events: HostStreamEvents = {
      onOpen: () => {
        link = new StreamLink(stream, { kind: 'qemu', framing: qemuFraming, peer: path, mtu });
        resolve(link);
      },
      onReadable: () => link?.onReadable(),
      onWritable: () => link?.onWritable(),
      onFailed: (failure) => {
        if (link !== undefined) link.onFailed(failure);
        else reject(vnetError('vnet.link-failed', `cannot plug into the machine at ${path}: ${failure}`));
      },
    };
    const stream = sockets.connect({ kind: 'unix', path }, events);
  });
}
