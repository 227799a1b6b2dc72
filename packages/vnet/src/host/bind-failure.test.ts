import { IpAddress } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { bindFailure } from './bind-failure.ts';

const at = (port: number) => ({ kind: 'ip' as const, address: IpAddress.v4(0x7f000001), port });

describe('bindFailure', () => {
  it.each([
    [80, 1024],
    [25, 80],
  ])('tells a user what port %i wants where those of users begin at %i', (port, first) => {
    expect(bindFailure(at(port), 'denied', { firstUserPort: () => first })).toMatchObject({
      code: 'vnet.bind-denied',
      kind: 'denied',
      message: `this user may not listen on 127.0.0.1:${port}`,
      hint: `take a port from ${first} on, or let users have lower ones: sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
    });
  });

  it.each([
    ['address-in-use', 'vnet.bind-failed', 'ss -ltnup'],
    ['address-unavailable', 'vnet.bind-unavailable', 'ip address'],
  ] as const)('says of %s what shows more', (failure, code, command) => {
    const error = bindFailure(at(8080), failure);
    expect(error).toMatchObject({ code, kind: 'conflict' });
    expect(error.message).toBe(`cannot listen on 127.0.0.1:8080: ${failure}`);
    expect(error.hint).toContain(command);
  });

  it('says of a folder that is not there that it is not found', () => {
    const error = bindFailure({ kind: 'unix', path: '/nowhere/a.sock' }, 'not-found');
    expect(error).toMatchObject({ code: 'vnet.folder-missing', kind: 'not-found' });
    expect(error.message).toBe('cannot listen on unix:/nowhere/a.sock: its folder is not there');
  });
});
