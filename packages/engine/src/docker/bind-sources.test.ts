import { describe, expect, it } from 'vitest';
import { bindSources, mapBindSources, namesBindSources } from './bind-sources.ts';

const sources = (body: unknown) => bindSources(JSON.stringify(body));

describe('bindSources', () => {
  it.each([
    ['-v', { HostConfig: { Binds: ['/a:/x:ro', 'volume:/y', '/b c:/z'] } }, ['/a', '/b c']],
    [
      '--mount',
      {
        HostConfig: {
          Mounts: [
            { Type: 'bind', Source: '/a' },
            { Type: 'volume', Source: '/no' },
          ],
        },
      },
      ['/a'],
    ],
    ['a service', { TaskTemplate: { ContainerSpec: { Mounts: [{ Type: 'bind', Source: '/s' }] } } }, ['/s']],
    [
      'a volume that binds',
      { Driver: 'local', DriverOpts: { type: 'none', o: 'rw,bind', device: '/d' } },
      ['/d'],
    ],
    [
      'such a volume within a mount',
      {
        HostConfig: {
          Mounts: [
            { Type: 'volume', VolumeOptions: { DriverConfig: { Options: { o: 'bind', device: '/e' } } } },
          ],
        },
      },
      ['/e'],
    ],
    ['a volume of another driver', { Driver: 'nfs', DriverOpts: { o: 'bind', device: '/d' } }, []],
    ['a network file system', { DriverOpts: { type: 'nfs', o: 'addr=1.2.3.4', device: '/export' } }, []],
  ])('finds those of %s', (_what, body, expected) => {
    expect(sources(body)).toEqual(expected);
  });

  it('finds none in what has not the expected shape', () => {
    for (const body of ['', '{', 'null', '[]', '{"HostConfig":{"Binds":[5,null],"Mounts":7}}']) {
      expect(bindSources(body)).toEqual([]);
    }
  });
});

describe('mapBindSources', () => {
  it('changes the sources of -v, --mount and services, and nothing else', () => {
    const mounts = (source: string) => [
      { Type: 'bind', Source: source, ReadOnly: true },
      { Type: 'volume', Source: '/a' },
    ];
    const request = (source: string) => ({
      Image: '/a',
      HostConfig: { Binds: [`${source}:/a:ro`, 'v:/x', 5], Mounts: mounts(source), Memory: 1 },
      TaskTemplate: { ContainerSpec: { Mounts: mounts(source), Image: '/a' } },
    });
    const map = (source: string) => (source === '/a' ? '/b' : source);
    expect(JSON.parse(mapBindSources(JSON.stringify(request('/a')), map))).toEqual(request('/b'));
    expect(mapBindSources('{"HostConfig":{}}', map)).toBe('{"HostConfig":{}}');
  });
});

describe('namesBindSources', () => {
  it('concerns requests that create', () => {
    const head = (method: string, path: string) =>
      namesBindSources({
        kind: 'head' as const,
        method,
        path,
        hijacks: false,
        awaitsContinue: false,
        body: { kind: 'sized', bytes: 0 },
      });
    expect(head('POST', '/containers/create')).toBe(true);
    expect(head('POST', '/services/abc/update')).toBe(true);
    expect(head('GET', '/containers/create')).toBe(false);
    expect(head('POST', '/containers/create/start')).toBe(false);
  });
});
