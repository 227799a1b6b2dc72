import { netstackError } from '../errors.ts';
import type { UdpService } from '../face.ts';
import { IpAddress } from '../ip/address.ts';
import type { DatagramNetwork, DatagramPort } from './network.ts';

/** The stack's UDP behind the socket face. */
export function stackDatagrams(udp: UdpService): DatagramNetwork {
  return {
    bind: async (options, onDatagram) => {
      const address = options.address === undefined ? undefined : parse(options.address);
      const of = {
        ...(options.port === 0 ? {} : { port: options.port }),
        ...(address === undefined ? {} : { address }),
      };
      const socket = udp.bind(of, {
        onDatagram: (datagram) => {
          const from = { address: datagram.remote.address.toString(), port: datagram.remote.port };
          // An answer goes out from the address that was asked.
          const answering: DatagramPort = {
            ...port,
            send: (bytes, to) => {
              const remote = { address: parse(to.address), port: to.port };
              const local = datagram.local.address;
              socket.send(bytes, remote, local.isMulticast || local.w3 === -1 ? undefined : local);
            },
          };
          onDatagram(datagram.bytes, from, answering);
        },
      });
      const port: DatagramPort = {
        port: socket.port,
        send: (bytes, to) => {
          socket.send(bytes, { address: parse(to.address), port: to.port });
        },
        close: () => socket.close(),
      };
      return port;
    },
  };
}

function parse(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (address === undefined) throw netstackError('netstack.invalid-option', `"${text}" is no IP address`);
  return address;
}
