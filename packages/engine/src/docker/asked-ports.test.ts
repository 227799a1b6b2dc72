import { describe, expect, it } from 'vitest';
import { askedPorts } from './asked-ports.ts';

const bindings = {
  '80/tcp': [{ HostIp: '', HostPort: '8080' }],
  '53/udp': [{ HostIp: '127.0.0.1', HostPort: '5353' }],
  '81/tcp': [{ HostIp: '::1', HostPort: '8081' }],
  '82/tcp': [{ HostIp: '', HostPort: '' }],
  '83/tcp': [{ HostPort: '8100-8110' }],
  '84/sctp': [{ HostPort: '84' }],
  '85/tcp': null,
};
const inspection = (NetworkMode: string) => ({
  Name: '/web',
  HostConfig: { NetworkMode, PortBindings: bindings },
});
const text = (...input: Parameters<typeof askedPorts>) =>
  askedPorts(...input).sides.map(
    ({ protocol, hostAddress, hostPort, optional }) =>
      `${protocol} ${hostAddress} ${hostPort}${optional ? '?' : ''}`,
  );

describe('askedPorts', () => {
  it('has the sides that a container named, and all addresses where it named none', () => {
    expect(text(inspection('bridge'))).toEqual([
      'tcp 0.0.0.0 8080',
      'tcp :: 8080?',
      'udp 127.0.0.1 5353',
      'tcp ::1 8081',
    ]);
  });

  it("has dockerd's own address where there is one", () => {
    expect(text(inspection('shop_default'), '127.0.0.1')[0]).toBe('tcp 127.0.0.1 8080');
    expect(text(inspection('shop_default'), '127.0.0.1')).toHaveLength(3);
  });

  it.each(['host', 'none', 'container:abc'])('has none with --net=%s', (mode) => {
    expect(askedPorts(inspection(mode))).toEqual({
      ...{ container: 'web', autoRemove: false, bindings, sides: [] },
    });
  });
});
