import { describe, expect, it } from 'vitest';
import { MemorySystem } from '../system/memory-system.ts';
import { writeMetadata } from './metadata.ts';
import { parseUserData } from './user-data.ts';

describe('parseUserData', () => {
  it("reads LinuxKit's tree, folders before what is in them", () => {
    const text =
      '{"ssh": {"perm": "0700", "entries": {"keys": {"perm": "0600", "content": "k"}}}, "a": {"content": "b"}}';
    expect(parseUserData(text)).toEqual([
      { kind: 'folder', path: 'ssh', mode: 0o700 },
      { kind: 'file', path: 'ssh/keys', mode: 0o600, content: 'k' },
      { kind: 'file', path: 'a', mode: 0o644, content: 'b' },
    ]);
  });

  it.each([
    '#cloud-config\n',
    '[]',
    'null',
    '{"..": {"content": "x"}}',
    '{"a/b": {"content": "x"}}',
    '{"a": {"content": 1}}',
    '{"a": {"perm": "999", "content": ""}}',
    '{"a": {"content": "", "entries": {}}}',
  ])('leaves %s as it is', (text) => {
    expect(parseUserData(text)).toBeUndefined();
  });
});

describe('writeMetadata', () => {
  it('writes a file of user data, and the files that it asks for', () => {
    const system = new MemorySystem();
    system.files.makeFolder('/tmp');
    system.files.write('/tmp/data', '{"hello": {"content": "world"}}');
    const said: string[] = [];
    expect(writeMetadata(system, ['file=/tmp/data'], (line) => said.push(line))).toBe(0);
    expect(said).toEqual(['metadata: from FILE /tmp/data']);
    expect(system.files.read('/run/config/provider')).toBe('FILE /tmp/data');
    expect(system.files.read('/run/config/hello')).toBe('world');
  });

  it('takes from a disc of cloud-init what it knows of, whatever else that says', () => {
    const system = new MemorySystem((command) => {
      if (command.includes('mount')) {
        system.files.put('/run/config.disc/user-data', '#cloud-config\n');
        system.files.put(
          '/run/config.disc/meta-data',
          'local-hostname: deck\nconstructor: x\nto-string: y\n',
        );
      }
      return { status: 0 };
    });
    system.files.put('/sys/class/block/sr0', '');
    expect(writeMetadata(system, ['cdrom'], () => {})).toBe(0);
    expect(system.files.read('/run/config/userdata')).toBe('#cloud-config\n');
    expect(system.files.list('/run/config')).toEqual(['hostname', 'provider', 'userdata']);
  });

  it('asks the cloud that the firmware names, with its token', () => {
    const asked: string[] = [];
    const system = new MemorySystem((command) => {
      const text = command[5] ?? '';
      asked.push(text.split('\\r\\n')[0] ?? '');
      const body = text.startsWith('PUT')
        ? 'TOKEN'
        : text.includes('metadata-token: TOKEN')
          ? 'value'
          : undefined;
      if (text.includes('user-data')) return { status: 0, output: 'HTTP/1.0 404 Not Found\r\n\r\n' };
      return { status: 0, output: body === undefined ? '' : `HTTP/1.0 200 OK\r\nServer: x\r\n\r\n${body}` };
    });
    system.files.makeFolder('/sys/class/dmi/id');
    system.files.write('/sys/class/dmi/id/sys_vendor', 'Amazon EC2\n');
    expect(writeMetadata(system, [], () => {})).toBe(0);
    expect(asked[0]).toBe('PUT /latest/api/token HTTP/1.0');
    expect(system.files.read('/run/config/provider')).toBe('AWS');
    expect(system.files.read('/run/config/instance_id')).toBe('value');
    expect(system.files.read('/run/config/ssh/authorized_keys')).toBe('value\n');
    expect(system.files.read('/run/config/userdata')).toBeUndefined();
  });

  it('keeps what a cloud answers from behind its head on, for itself alone', () => {
    const head = 'HTTP/1.0 200 OK\r\nServer: x\r\n\r\n';
    const system = new MemorySystem((command, _, { files }) => {
      if (command[1] !== 'tail') return { status: 0, output: `${head}value` };
      expect(command.slice(2)).toEqual(['-c', `+${head.length + 1}`, '/run/config/.answer']);
      return { status: 0, output: (files.read('/run/config/.answer') ?? '').slice(head.length) };
    });
    expect(writeMetadata(system, ['gcp'], () => {})).toBe(0);
    expect(system.files.read('/run/config/userdata')).toBe('value');
    expect(system.files.status('/run/config/userdata')?.mode).toBe(0o600);
    expect(system.files.read('/run/config/.answer')).toBeUndefined();
  });

  it('refuses a provider that there is not', () => {
    expect(writeMetadata(new MemorySystem(), ['moon'], () => {})).toBe(2);
  });
});
