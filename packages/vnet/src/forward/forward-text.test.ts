import { describe, expect, it } from 'vitest';
import { formatForward, forwardText, parseForwards, parseGuest } from './forward-text.ts';

describe('parseForwards', () => {
  it.each([
    ['8080:80', ['tcp 127.0.0.1:8080 → the guest:80']],
    ['8080:web:80', ['tcp 127.0.0.1:8080 → web:80']],
    ['0.0.0.0:8080:80/udp', ['udp 0.0.0.0:8080 → the guest:80']],
    [':8080:80', ['tcp 0.0.0.0:8080 → the guest:80']],
    ['[::1]:8080:[fd00::2]:80', ['tcp [::1]:8080 → [fd00::2]:80']],
    ['0:80', ['tcp 127.0.0.1:0 → the guest:80']],
    ['192.168.1.5:53:10.0.0.2:53/udp', ['udp 192.168.1.5:53 → 10.0.0.2:53']],
    ['unix:/run/x.sock:web:80', ['tcp unix:/run/x.sock → web:80']],
    ['unix:/run/a\\:b.sock:80', ['tcp unix:/run/a:b.sock → the guest:80']],
    ['unix:/run/a\\b.sock:[fd00::2]:80', ['tcp unix:/run/a\\b.sock → [fd00::2]:80']],
    ['host:5000=unix:/run/y.sock', ['tcp gateway:5000 → unix:/run/y.sock']],
    ['8000-8001:web:9000-9001', ['tcp 127.0.0.1:8000 → web:9000', 'tcp 127.0.0.1:8001 → web:9001']],
  ])('reads %s', (text, expected) => {
    expect(parseForwards(text).map(formatForward)).toEqual(expected);
  });

  it.each(['/run/a:b.sock', '/run/a:80', 'C:\\run\\x.sock', '/run/\\:x', '/run/x\\', '/run/a\nb:c'])(
    'reads again what was written of the socket %j',
    (path) => {
      for (const guest of [{ kind: 'only' }, { kind: 'name', name: 'web' }, parseGuest('fd00::2')] as const) {
        const listen = { kind: 'unix', path } as const;
        const spec = {
          kind: 'to-guest',
          protocol: 'tcp',
          listen,
          guest,
          port: 80,
          proxyProtocol: 2,
        } as const;
        expect(parseForwards(forwardText(spec))).toEqual([spec]);
      }
    },
  );

  it.each([
    ['80', 'cannot be read'],
    ['8080:80/sctp', 'names the protocol "sctp"'],
    ['8080:0', 'names no port of the guest'],
    ['99999:80', 'has the host port 99999'],
    ['8000-8002:9000-9001', 'has ranges of different length'],
    ['0-2:80-82', 'begins its range at port 0'],
    ['host:0=unix:/run/y.sock', 'has no port of the gateway'],
    ['1-2000:1-2000', 'has more than 1024 ports'],
    ['host.example:1:2:3', 'binds "host.example", which is no address'],
    ['unix:/run/x.sock:1-2', 'leads one socket to several ports'],
    [`unix:/${'x'.repeat(107)}:80`, "is longer than a socket's path may be"],
    // The guest that connected to it ended the network.
    [`host:80=unix:/${'x'.repeat(107)}`, "is longer than a socket's path may be"],
  ])('refuses %s', (text, message) => {
    expect(() => parseForwards(text)).toThrow(message);
  });
});
