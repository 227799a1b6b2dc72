/** An HTTP server with an address of its own on a virtual network. See README.md. */
import { hostStreams, joinNetwork } from '@orlop/vnet';
import { serveHttp } from './http-server.ts';

const [where = 'host', port = '8080'] = process.argv.slice(2);

// The one line that differs: a host of the virtual network, or the host's own sockets.
const network =
  where === 'host'
    ? hostStreams()
    : await joinNetwork({ socketPath: where, addresses: ['192.168.127.80/24'], gateways: ['192.168.127.1'] });

const listener = await serveHttp(network, Number(port));
console.log(`HTTP on port ${listener.port} of ${where === 'host' ? '127.0.0.1' : '192.168.127.80'}`);
