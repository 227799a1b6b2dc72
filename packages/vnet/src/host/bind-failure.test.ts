import { IpAddress } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { bindFailure } from './bind-failure.ts';

const at = (port: number) => ({ kind: 'ip' as const, address: IpAddress.v4(0x7f000001), port });

describe('bindFailure', () => {
  it('tells a user what low ports want', () => {
    expect(bindFailure(at(80), 'denied')).toMatchObject({
      code: 'vnet.bind-denied',
      kind: 'denied',
      message: 'this user may not listen on 127.0.0.1:80',
      hint: 'take a port from 1024 on, or let users have lower ones: sysctl net.ipv4.ip_unprivileged_port_start=80',
    });
  });

  it.each([
    ['address-in-use', 'ss -ltnup'],
    ['address-unavailable', 'ip address'],
  ] as const)('says of %s what shows more', (failure, command) => {
    const error = bindFailure(at(8080), failure);
    expect(error).toMatchObject({ code: 'vnet.bind-failed', kind: 'conflict' });
    expect(error.message).toBe(`cannot listen on 127.0.0.1:8080: ${failure}`);
    expect(error.hint).toContain(command);
  });
});
