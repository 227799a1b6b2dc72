import { describe, expect, it } from 'vitest';
import { VpnkitHandshake } from './vpnkit-handshake.ts';

const UUID = '7d1cbd1a-6d2a-4e1f-9a52-3f0e4f3d0c11';
const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0));

function init(version: number): Uint8Array {
  return Uint8Array.from([...ascii('VMN3T'), version, 0, 0, 0, ...ascii('0'.repeat(40))]);
}

function request(type: number, rest: number[] = [0, 0, 0, 0]): Uint8Array {
  return Uint8Array.from([type, ...ascii(UUID), ...rest]);
}

describe('VpnkitHandshake', () => {
  it('greets, learns the UUID and answers version 22 with the typed description of 258 bytes', () => {
    const handshake = new VpnkitHandshake();
    const greeting = handshake.receive(init(22));
    expect(greeting.kind === 'greet' && [...greeting.greeting.subarray(0, 9)]).toEqual([
      ...ascii('VMN3T'),
      22,
      0,
      0,
      0,
    ]);
    expect(handshake.receive(request(1))).toEqual({
      kind: 'guest',
      guest: { uuid: UUID, preferredIp: undefined },
    });
    const answer = handshake.accept({ mac: 0x0250_0000_0001, mtu: 1500 });
    expect(answer.length).toBe(258);
    expect([...answer.subarray(0, 11)]).toEqual([1, 0xdc, 0x05, 0x0e, 0x06, 2, 0x50, 0, 0, 0, 1]);
  });

  it('answers an older version in its own form', () => {
    const handshake = new VpnkitHandshake();
    const greeting = handshake.receive(init(2));
    expect(greeting.kind === 'greet' && greeting.greeting[5]).toBe(2);
    handshake.receive(request(1));
    expect([...handshake.accept({ mac: 0x0250_0000_0001, mtu: 1500 })]).toEqual([
      0xdc, 0x05, 0x0e, 0x06, 2, 0x50, 0, 0, 0, 1,
    ]);
  });

  it('takes the bytes in any pieces', () => {
    const handshake = new VpnkitHandshake();
    const kinds: string[] = [];
    for (const byte of [...init(22), ...request(1)]) kinds.push(handshake.receive(Uint8Array.of(byte)).kind);
    expect(kinds.filter((kind) => kind !== 'more')).toEqual(['greet', 'guest']);
  });

  it.each([2, 8])('reads the preferred address of request %i, in little endian', (type) => {
    const handshake = new VpnkitHandshake();
    handshake.receive(init(22));
    const step = handshake.receive(request(type, [7, 65, 168, 192]));
    expect(step.kind === 'guest' && step.guest.preferredIp?.toString()).toBe('192.168.65.7');
  });

  it('fails on another magic, an unknown request and what is no UUID', () => {
    const stranger = Uint8Array.from([...ascii('HELLO'), ...init(22).subarray(5)]);
    expect(new VpnkitHandshake().receive(stranger).kind).toBe('failed');
    const unknown = new VpnkitHandshake();
    unknown.receive(init(22));
    expect(unknown.receive(request(9))).toEqual({ kind: 'failed', reason: 'unknown request 9' });
    const garbled = new VpnkitHandshake();
    garbled.receive(init(22));
    expect(garbled.receive(new Uint8Array(41).fill(1)).kind).toBe('failed');
  });

  it('refuses with a reason of at most 255 bytes', () => {
    const answer = new VpnkitHandshake().refuse('x'.repeat(300));
    expect([answer.length, answer[0], answer[1]]).toEqual([258, 2, 255]);
  });
});
