import type { HostEndpoint } from './host-sockets.ts';

/** `127.0.0.1:80`, `[::1]:80` or `unix:/path`. */
export function formatHostEndpoint(endpoint: HostEndpoint): string {
  if (endpoint.kind === 'unix') return `unix:${endpoint.path}`;
  const { address, port } = endpoint;
  return address.version === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}
