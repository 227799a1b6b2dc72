import { describe, expect, it } from 'vitest';
import { changedSettings, LayeredSettings } from './layered-settings.ts';
import { settingNames, settingOf } from './schema.ts';
import { checkValue, formatValue, parseValue } from './setting-value.ts';
import { editSettings, readSettings } from './settings-file.ts';
import { settingsSchema } from './settings-schema.ts';

const host = { cpus: 8, memoryBytes: 16 * 2 ** 30 };

describe('readSettings', () => {
  it('reads nested settings, sizes in any unit, and JSON', () => {
    const { values, problems } = readSettings('cpus: 2\nmemory: 3G\nnetwork:\n  dns: [1.1.1.1]\n', 'f');
    expect(problems).toEqual([]);
    expect(Object.fromEntries(values)).toEqual({ cpus: 2, memory: 3 * 2 ** 30, 'network.dns': ['1.1.1.1'] });
    expect(readSettings('{"idle": {"seconds": 60}}', 'f').values.get('idle.seconds')).toBe(60);
  });

  it.each([
    ['cpus: two\n', 'f:1:7: cpus: a whole number'],
    ['cpus: 0\n', 'f:1:7: cpus: at least 1'],
    ['network: {subnet: 10.0.0}\n', 'f:1:19: network.subnet: an IPv4 network such as 192.168.127.0/24'],
    [
      'network: {subnet: 10.0.0.256/24}\n',
      'f:1:19: network.subnet: an IPv4 network such as 192.168.127.0/24',
    ],
    ['network: {subnet: 10.0.0.0/33}\n', 'f:1:19: network.subnet: an IPv4 network such as 192.168.127.0/24'],
    ['shares: [/a, b]\n', 'f:1:9: shares: absolute paths, as PATH or PATH:ro; "b" is none'],
    [
      'docker: {mirrors: [mirror.example]}\n',
      'f:1:19: docker.mirrors: URLs without a path, such as https://mirror.example; "mirror.example" is none',
    ],
    ['# c\nmemry: 2G\n', 'f:2:1: there is no setting "memry"'],
    ['network: 5\n', 'f:1:10: network: a mapping'],
    ['network:\n  dsn: []\n', 'f:2:3: there is no setting "network.dsn"'],
    ['accelerator: xen\n', 'f:1:14: accelerator: one of auto, kvm, hvf, tcg'],
    ['- a\n', 'f:1:1: a mapping of settings is expected'],
    ['locked: [cpu]\n', 'f:1:1: locked: there is no setting "cpu"'],
    ['locked: 5\n', 'f:1:9: locked: a list of settings'],
    ['locked: cpus\n', 'f:1:9: locked: a list of settings'],
    ['locked:\n', 'f:1:8: locked: a list of settings'],
  ])('places the problem of %j', (text, expected) => {
    const [problem] = readSettings(text, 'f').problems;
    expect(
      `${problem?.position?.file}:${problem?.position?.line}:${problem?.position?.column}: ${problem?.message}`,
    ).toBe(expected);
  });

  it('takes an empty file for no settings', () => {
    expect(readSettings('', 'f')).toEqual({ values: new Map(), locked: [], problems: [] });
  });
});

describe('editSettings', () => {
  it('keeps comments and what else is there', () => {
    const text = '# mine\ncpus: 2 # enough\nproxy:\n  http: http://p\n';
    const edited = editSettings(text, 'cpus', 4);
    expect(edited).toContain('# mine');
    expect(readSettings(edited, 'f').values).toEqual(
      new Map<string, unknown>([
        ['cpus', 4],
        ['proxy.http', 'http://p'],
      ]),
    );
  });

  it('makes the mappings that a dotted name needs, and leaves nothing of the last one', () => {
    const text = editSettings('', 'network.dns', ['9.9.9.9']);
    expect(readSettings(text, 'f').values.get('network.dns')).toEqual(['9.9.9.9']);
    expect(editSettings('cpus: 2\n', 'cpus', undefined)).toBe('');
  });
});

describe('LayeredSettings', () => {
  const layers = (part: ConstructorParameters<typeof LayeredSettings>[0]['layers'], locked: 'cpus'[] = []) =>
    new LayeredSettings({ host, layers: part, locked });

  it('lets the later layer win and says which one it was', () => {
    const settings = layers({
      policy: new Map([['cpus', 1]]),
      user: new Map([['cpus', 2]]),
      instance: new Map([['cpus', 3]]),
    });
    expect(settings.find('cpus')).toEqual({ name: 'cpus', value: 3, layer: 'instance', locked: false });
    expect(settings.find('disk').layer).toBe('default');
  });

  it('lets nobody change what the policy has locked', () => {
    const settings = layers({ policy: new Map([['cpus', 1]]), flag: new Map([['cpus', 9]]) }, ['cpus']);
    expect(settings.find('cpus')).toEqual({ name: 'cpus', value: 1, layer: 'policy', locked: true });
  });

  it('keeps the default of a locked setting that the policy gives no value', () => {
    expect(layers({ user: new Map([['cpus', 9]]) }, ['cpus']).number('cpus')).toBe(4);
  });

  it('names what differs', () => {
    expect(changedSettings(layers({}), layers({ user: new Map([['cpus', 1]]) }))).toEqual(['cpus']);
  });
});

describe('the settings table', () => {
  it('has defaults that are values of their settings, as text too', () => {
    for (const name of settingNames) {
      const setting = settingOf(name);
      const value = setting.fallback(host);
      expect([name, checkValue(setting, value)]).toEqual([name, { value }]);
      expect([name, checkValue(setting, parseValue(setting, formatValue(setting, value)))]).toEqual([
        name,
        { value },
      ]);
    }
  });

  it.each([
    [['/a,b', '/c'], '["/a,b","/c"]'],
    [['/a', '/c'], '/a,/c'],
    [['[::1]:5000', 'x'], '[::1]:5000,x'],
    [[], ''],
  ] as const)('has the list %j of a command line and for one as %s', (list, text) => {
    const setting = settingOf('docker.insecureRegistries');
    expect([parseValue(setting, text), formatValue(setting, [...list])]).toEqual([list, text]);
  });

  it('is in the schema with every name', () => {
    const text = JSON.stringify(settingsSchema());
    for (const name of settingNames) expect(text).toContain(`"${name.split('.').at(-1)}":`);
  });
});
