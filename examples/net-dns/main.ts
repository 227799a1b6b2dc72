/** A DNS server with an address of its own on a virtual network. See README.md. */
import { hostDatagrams, joinDatagrams } from '@orlop/vnet';
import { serveDns } from './dns-server.ts';

const [where = 'host', port = '5353'] = process.argv.slice(2);

// The one line that differs: a host of the virtual network, or the host's own sockets.
const network =
  where === 'host'
    ? hostDatagrams()
    : await joinDatagrams({ socketPath: where, addresses: ['192.168.127.53/24'] });

const zone = new Map([
  ['orlop.example', '192.0.2.1'],
  ['deck.orlop.example', '192.0.2.2'],
]);
const server = await serveDns(network, zone, Number(port));
console.log(`DNS on UDP port ${server.port} of ${where === 'host' ? '127.0.0.1' : '192.168.127.53'}`);
