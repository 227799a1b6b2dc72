import { describe, expect, it } from 'vitest';
import { defaultConfiguration, parseConfiguration } from './configuration.ts';

const parse = (change: object) => parseConfiguration(JSON.stringify({ version: 1, ...change }));

describe('parseConfiguration', () => {
  it('takes a version alone as the defaults', () => {
    expect(parse({})).toEqual({ kind: 'value', value: defaultConfiguration() });
  });

  it('keeps what is the machine’s own out of dockerd’s settings', () => {
    const daemon = {
      debug: true,
      hosts: ['tcp://0.0.0.0:2375'],
      'data-root': '/tmp',
      tlsverify: false,
      containerd: '/x',
    };
    expect(parse({ daemon })).toMatchObject({ value: { daemon: { debug: true } } });
    expect(parse({ daemon })).not.toHaveProperty('value.daemon.hosts');
    expect(parse({ daemon })).not.toHaveProperty('value.daemon.data-root');
  });

  it('mounts a folder before those within it', () => {
    const shares = [
      { tag: 'b', path: '/home/user/work' },
      { tag: 'a', path: '/home', readOnly: true },
    ];
    expect(parse({ shares })).toMatchObject({
      value: {
        shares: [
          { tag: 'a', readOnly: true },
          { tag: 'b', readOnly: false },
        ],
      },
    });
  });

  it.each([
    ['no JSON', '{', /no JSON/],
    ['another version', '{"version": 2}', /version 2/],
    ['a key without a certificate', '{"version": 1, "tls": {"key": "k"}}', /all of/],
    ['a port that is none', '{"version": 1, "port": 70000}', /70000/],
    [
      'a share over dockerd’s data',
      '{"version": 1, "shares": [{"tag": "a", "path": "/var/lib/docker"}]}',
      /hide/,
    ],
    ['a share of everything', '{"version": 1, "shares": [{"tag": "a", "path": "/"}]}', /absolute/],
    ['a share that climbs', '{"version": 1, "shares": [{"tag": "a", "path": "/home/../usr"}]}', /absolute/],
    [
      'a share of everything by two slashes',
      '{"version": 1, "shares": [{"tag": "a", "path": "//"}]}',
      /absolute/,
    ],
    ['a share of /etc by a detour', '{"version": 1, "shares": [{"tag": "a", "path": "/./etc"}]}', /absolute/],
    [
      'a share of /usr by two slashes',
      '{"version": 1, "shares": [{"tag": "a", "path": "//usr"}]}',
      /absolute/,
    ],
    ['a tag of many words', '{"version": 1, "shares": [{"tag": "a b", "path": "/home"}]}', /tag/],
    [
      'an address without a prefix',
      '{"version": 1, "network": {"address": "10.0.0.2", "gateway": "10.0.0.1"}}',
      /address/,
    ],
  ])('refuses %s', (_, text, message) => {
    const parsed = parseConfiguration(text);
    expect(parsed.kind).toBe('problem');
    expect(parsed.kind === 'problem' && parsed.text).toMatch(message);
  });
});
