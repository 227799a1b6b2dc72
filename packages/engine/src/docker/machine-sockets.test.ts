import { describe, expect, it } from 'vitest';
import { MachineSocketReader, machinePorts } from './machine-sockets.ts';

const id = 'a'.repeat(64);

describe('MachineSocketReader', () => {
  it('gives a set when it has ended, in whatever pieces it comes', () => {
    const reader = new MachineSocketReader();
    expect(reader.push(`tcp 0100007F:1F90 ${id}\nud`)).toBeUndefined();
    expect(reader.push(`p6 00000000000000000000000000000000:0035 ${id}\n`)).toBeUndefined();
    expect(reader.push('\n.\n')).toEqual([
      { protocol: 'tcp', address: '127.0.0.1', port: 8080, container: id },
      { protocol: 'udp', address: '::', port: 53, container: id },
    ]);
    expect(reader.push('\n')).toEqual([]);
  });

  it('reads addresses of IPv6, and those of IPv4 in its clothes', () => {
    const reader = new MachineSocketReader();
    const [one, two] = ['B80D0120000000000000000001000000', '0000000000000000FFFF00000100007F'];
    expect(
      reader.push(`tcp6 ${one}:0050 ${id}\ntcp6 ${two}:0050 ${id}\n\n`)?.map(({ address }) => address),
    ).toEqual(['2001:db8::1', '127.0.0.1']);
  });

  it('counts lines that are none', () => {
    const reader = new MachineSocketReader();
    expect(reader.push(`tcp 00:50 ${id}\nrubbish\ntcp6 00000000:0050 ${id}\n\n`)).toEqual([]);
    expect(reader.malformed).toBe(3);
  });
});

describe('machinePorts', () => {
  const options = { guestAddress: '192.168.127.2', names: new Map([[id, 'web']]) };
  const ports = (protocol: 'tcp' | 'udp', address: string, port = 80, container = id) =>
    machinePorts([{ protocol, address, port, container }], options).map(
      ({ hostAddress, hostPort, target: { address: to, port: toPort, greeting } }) =>
        `${hostAddress}:${hostPort} ${to}:${toPort}${greeting === undefined ? '' : ` ${JSON.stringify(greeting)}`}`,
    );

  it('gives the host the address that the container listens on', () => {
    expect(ports('tcp', '0.0.0.0')).toEqual(['0.0.0.0:80 192.0.0.8:80']);
    expect(ports('udp', '::')).toEqual(['0.0.0.0:80 192.0.0.8:80', ':::80 192.0.0.8:80']);
    expect(ports('tcp', '127.0.0.1')).toEqual(['127.0.0.1:80 192.0.0.8:80']);
    expect(ports('tcp', '::1')).toEqual(['::1:80 192.168.127.2:2370 "80\\n"']);
    expect(ports('udp', '::1')).toEqual([]);
    expect(ports('tcp', '192.168.127.2')).toEqual(['127.0.0.1:80 192.168.127.2:80']);
  });

  it('leaves out what is not of a known container, datagram sockets of clients, and addresses of others', () => {
    expect(ports('tcp', '0.0.0.0', 80, 'b'.repeat(64))).toEqual([]);
    expect(ports('udp', '0.0.0.0', 40_000)).toEqual([]);
    expect(ports('tcp', '172.17.0.1')).toEqual([]);
  });
});
