/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of image descriptions */
import { describe, expect, it } from 'vitest';
import { problemsOf } from '../testing/load-text.ts';

/** One container of a section, with more lines of its own. */
const service = (...lines: string[]) =>
  ['services:', '  - name: a', '    image: x/y:1', ...lines.map((line) => `    ${line}`)].join('\n');
const onboot = (...lines: string[]) => service(...lines).replace('services:', 'onboot:');
const file = (...lines: string[]) =>
  ['files:', `  - ${lines[0]}`, ...lines.slice(1).map((line) => `    ${line}`)].join('\n');

/** What is wrong, the text, and all that is said of it. */
const table: readonly (readonly [string, string, readonly string[]])[] = [
  // YAML itself
  ['an empty file', '', ['a.yml:1:1: the file is empty']],
  ['only a comment', '# nothing\n', ['a.yml:1:1: the file is empty']],
  ['a list', '- a\n', ['a.yml:1:1: an image description is a mapping with keys such as "kernel" and "init"']],
  ['a text', 'hello', ['a.yml:1:1: an image description is a mapping with keys such as "kernel" and "init"']],
  ['a duplicate key', 'init: [a]\ninit: [b]\n', ['a.yml:2:1: this key stands twice in the same mapping']],
  [
    'an unclosed list',
    'init: [a\n',
    ['a.yml:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ],
  ['a tab as indentation', 'kernel:\n\timage: a\n', ['a.yml:2:1: Tabs are not allowed as indentation']],
  ['an unknown alias', 'init: *a\n', ['a.yml:1:7: no anchor &a stands before this alias']],
  ['an alias in itself', 'init: &a [*a]\n', ['a.yml:1:11: the alias *a stands inside what it names']],
  [
    'a merge of a text',
    'kernel:\n  <<: x\n',
    ['a.yml:2:7: a merge key (<<) takes a mapping or a list of mappings'],
  ],
  ['a mapping as key', '{a: b}: c\n', ['a.yml:1:1: a key must be a plain string']],
  // the top level
  ['an unknown section', 'foo: 1\n', ['a.yml:1:1: unknown key "foo"']],
  ['a mistyped section', 'service: []\n', ['a.yml:1:1: unknown key "service": did you mean "services"?']],
  ['a section without content', 'onboot:\n', ['a.yml:1:8: onboot: expected a list, got nothing']],
  ['init as text', 'init: a\n', ['a.yml:1:7: init: expected a list, got the string "a"']],
  [
    'a number in init',
    'init:\n  - 5\n',
    ['a.yml:2:5: init[0]: expected a string, got the number 5: put it in quotes if it is meant as text'],
  ],
  ['kernel as text', 'kernel: x\n', ['a.yml:1:9: kernel: expected a mapping, got the string "x"']],
  [
    'an unknown key of kernel',
    'kernel:\n  image: a\n  cmdlin: b\n',
    ['a.yml:3:3: kernel: unknown key "cmdlin": did you mean "cmdline"?'],
  ],
  // references
  [
    'an upper-case reference',
    'init:\n  - Foo:1\n',
    ['a.yml:2:5: init[0]: "Foo:1" is no image reference: "Foo" has upper-case letters'],
  ],
  ['an empty reference', 'init:\n  - ""\n', ['a.yml:2:5: init[0]: the image reference is empty']],
  ['a wrong tag', 'init: ["a:-b"]\n', ['a.yml:1:8: init[0]: "a:-b" is no image reference: "-b" is no tag']],
  [
    'an undeclared variable',
    'init: ["a:${V:-1}"]\n',
    [
      'a.yml:1:8: init[0]: "a:${V:-1}" is no image reference: a variable is replaced only when it is declared under "variables:" or by --set',
    ],
  ],
  // containers
  ['a service without name', 'services:\n  - image: a\n', ['a.yml:2:5: services[0]: "name" is missing']],
  ['a service without image', 'services:\n  - name: a\n', ['a.yml:2:5: services[0]: "image" is missing']],
  [
    'a duplicate service',
    'services:\n  - {name: a, image: x}\n  - {name: a, image: y}\n',
    ['a.yml:3:12: services[1].name: duplicate service name: a: it stands already in line 2'],
  ],
  [
    'a name with a slash',
    'services:\n  - {name: a/b, image: x}\n',
    [
      'a.yml:2:12: services[0].name: "a/b" is no container name: it takes letters, digits, "_", "+", "-" and "."',
    ],
  ],
  ['an unknown key', service('foo: 1'), ['a.yml:4:5: services[0]: unknown key "foo"']],
  [
    'readonly as text',
    service('readonly: "yes"'),
    ['a.yml:4:15: services[0].readonly: expected true or false, got the string "yes"'],
  ],
  [
    'command as text',
    service('command: ls'),
    ['a.yml:4:14: services[0].command: expected a list, got the string "ls"'],
  ],
  [
    'a number in env',
    service('env: [1]'),
    [
      'a.yml:4:11: services[0].env[0]: expected a string, got the number 1: put it in quotes if it is meant as text',
    ],
  ],
  [
    'a short capability',
    service('capabilities: [NET_ADMIN]'),
    ['a.yml:4:20: services[0].capabilities[0]: unknown capability: NET_ADMIN: did you mean "CAP_NET_ADMIN"?'],
  ],
  [
    'an unknown capability',
    service('capabilities: [CAP_FLY]'),
    ['a.yml:4:20: services[0].capabilities[0]: unknown capability: CAP_FLY'],
  ],
  [
    'all among others',
    service('capabilities: [all, CAP_CHOWN]'),
    ['a.yml:4:20: services[0].capabilities[0]: "all" must be the only entry of its list'],
  ],
  [
    'an unknown ambient capability',
    service('ambient: [x]'),
    ['a.yml:4:15: services[0].ambient[0]: unknown capability: x'],
  ],
  [
    'a bind without colon',
    service('binds: [/a]'),
    ["a.yml:4:13: services[0].binds[0]: cannot parse bind, missing ':': /a"],
  ],
  [
    'a bind with four parts',
    service('binds: ["/a:/b:ro:x"]'),
    ["a.yml:4:13: services[0].binds[0]: cannot parse bind, too many ':': /a:/b:ro:x"],
  ],
  [
    'a bind to nowhere',
    service('binds: ["/a:"]'),
    ['a.yml:4:13: services[0].binds[0]: cannot parse bind, no destination: /a:'],
  ],
  [
    'a bind of no volume',
    service('binds: ["x:/x"]'),
    ['a.yml:4:13: services[0].binds[0]: volume x not found'],
  ],
  [
    'an added bind of no volume',
    onboot('binds.add: ["x:/x"]'),
    ['a.yml:4:17: onboot[0].binds.add[0]: volume x not found'],
  ],
  [
    'a tmpfs with three parts',
    service('tmpfs: ["/a:b:c"]'),
    ["a.yml:4:13: services[0].tmpfs[0]: cannot parse tmpfs, too many ':': /a:b:c"],
  ],
  [
    'a mount without type',
    service('mounts: [{destination: /x}]'),
    ['a.yml:4:14: services[0].mounts[0]: mount for destination /x is missing type'],
  ],
  [
    'a mount without destination',
    service('mounts: [{type: tmpfs}]'),
    ['a.yml:4:14: services[0].mounts[0]: mount type tmpfs is missing destination'],
  ],
  [
    'a mount of no volume',
    service('mounts: [{type: bind, source: v, destination: /x}]'),
    ['a.yml:4:14: services[0].mounts[0]: volume v not found'],
  ],
  [
    'a device without mode',
    service('devices: [{path: /dev/x, type: c, major: 1, minor: 3}]'),
    ['a.yml:4:15: services[0].devices[0]: "mode" is missing'],
  ],
  [
    'a device mode as number',
    service('devices: [{path: /dev/x, type: c, mode: 0666}]'),
    [
      'a.yml:4:45: services[0].devices[0].mode: a mode is octal digits in quotes, such as "0644", and this is a number',
    ],
  ],
  [
    'an unknown device type',
    service('devices: [{path: /dev/x, type: z, mode: "0666"}]'),
    ['a.yml:4:36: services[0].devices[0].type: expected "a", "b", "c", "u" or "p", got the string "z"'],
  ],
  [
    'an unknown uid name',
    service('uid: zed'),
    ['a.yml:4:10: services[0].uid: cannot find id: zed: a name here is that of a container'],
  ],
  [
    'a mistyped uid name',
    service('uid: A'),
    ['a.yml:4:10: services[0].uid: cannot find id: A: did you mean "a"?'],
  ],
  [
    'a negative gid',
    service('gid: -1'),
    ['a.yml:4:10: services[0].gid: -1 is out of range: it may be 0 to 4294967295'],
  ],
  [
    'an unknown additional gid',
    service('additionalGids: [5, nobody]'),
    ['a.yml:4:25: services[0].additionalGids[1]: cannot find id: nobody: a name here is that of a container'],
  ],
  ['a relative cwd', service('cwd: tmp'), ['a.yml:4:10: services[0].cwd: "tmp" is no absolute path']],
  [
    'a short rlimit',
    service('rlimits: ["nofile,1"]'),
    ['a.yml:4:15: services[0].rlimits[0]: cannot parse rlimit "nofile,1": it takes the form name,soft,hard'],
  ],
  [
    'an unknown rlimit',
    service('rlimits: ["files,1,2"]'),
    ['a.yml:4:15: services[0].rlimits[0]: unknown limit: files'],
  ],
  [
    'a wrong limit',
    service('rlimits: ["nofile,x,2"]'),
    [
      'a.yml:4:15: services[0].rlimits[0]: cannot parse "x" as a limit: it takes a number below 2^64 or "unlimited"',
    ],
  ],
  [
    'soft above hard',
    service('rlimits: ["nofile,3,2"]'),
    ['a.yml:4:15: services[0].rlimits[0]: the soft limit 3 is above the hard limit 2'],
  ],
  [
    'an oomScoreAdj out of range',
    service('oomScoreAdj: 1001'),
    ['a.yml:4:18: services[0].oomScoreAdj: 1001 is out of range: it may be -1000 to 1000'],
  ],
  [
    'a sysctl as number',
    service('sysctl: {net.x: 1}'),
    [
      'a.yml:4:21: services[0].sysctl.net.x: expected a string, got the number 1: put it in quotes if it is meant as text',
    ],
  ],
  [
    'an unknown propagation',
    service('rootfsPropagation: yes'),
    [
      'a.yml:4:24: services[0].rootfsPropagation: expected "", "shared", "slave", "private", "unbindable", "rshared", "rslave" or "rprivate", got the string "yes"',
    ],
  ],
  [
    'resources in lower case',
    service('resources: {memory: {disableoomkiller: true}}'),
    [
      'a.yml:4:26: services[0].resources.memory: unknown key "disableoomkiller": did you mean "disableOOMKiller"?',
    ],
  ],
  [
    'a fractional limit',
    service('resources: {pids: {limit: 1.5}}'),
    ['a.yml:4:31: services[0].resources.pids.limit: expected an integer, got the number 1.5'],
  ],
  [
    'swappiness out of range',
    service('resources: {memory: {swappiness: 101}}'),
    ['a.yml:4:38: services[0].resources.memory.swappiness: 101 is out of range: it may be 0 to 100'],
  ],
  [
    'an id mapping without size',
    service('uidMappings: [{hostID: 0, containerID: 0}]'),
    ['a.yml:4:19: services[0].uidMappings[0]: "size" is missing'],
  ],
  [
    'an unknown runtime key',
    service('runtime: {bindNs: {net: /x}}'),
    ['a.yml:4:15: services[0].runtime: unknown key "bindNs": did you mean "bindNS"?'],
  ],
  [
    'an interface without name',
    service('runtime: {interfaces: [{add: veth}]}'),
    ['a.yml:4:28: services[0].runtime.interfaces[0]: "name" is missing'],
  ],
  // supervision
  [
    'an unknown restart policy',
    service('restart: sometimes'),
    [
      'a.yml:4:14: services[0].restart: expected "no", "on-failure", "on-failure:COUNT" or "always", got "sometimes"',
    ],
  ],
  ['restart of onboot', onboot('restart: always'), ['a.yml:4:5: onboot[0]: unknown key "restart"']],
  [
    'a dependency on nobody',
    service('dependsOn: [b]'),
    ['a.yml:4:17: services[0].dependsOn[0]: no service is named "b"'],
  ],
  [
    'a dependency on itself',
    service('dependsOn: [a]'),
    ['a.yml:4:17: services depend on each other in a ring: a -> a'],
  ],
  [
    'health without command',
    service('health: {interval: 1s}'),
    ['a.yml:4:13: services[0].health: "command" is missing'],
  ],
  [
    'an empty health command',
    service('health: {command: []}'),
    ['a.yml:4:13: services[0].health: the health command is empty'],
  ],
  [
    'a duration without unit',
    service('health: {command: [x], interval: "5"}'),
    [
      'a.yml:4:38: services[0].health.interval: cannot parse "5" as a duration: it takes the form 500ms, 10s, 1m30s or 2h',
    ],
  ],
  [
    'waiting for health that is not',
    'services:\n  - {name: a, image: x}\n  - {name: b, image: x, dependsOn: {a: {condition: healthy}}}\n',
    ['a.yml:3:40: services[1].dependsOn.a: the service a has no "health" to wait for'],
  ],
  [
    'a ring of two',
    'services:\n  - {name: a, image: x, dependsOn: [b]}\n  - {name: b, image: x, dependsOn: [a]}\n',
    ['a.yml:2:37: services depend on each other in a ring: a -> b -> a'],
  ],
  [
    'an unknown onFailure',
    onboot('onFailure: cry'),
    ['a.yml:4:16: onboot[0].onFailure: expected "continue", "stop" or "poweroff", got the string "cry"'],
  ],
  // files
  ['a file without path', file('contents: x'), ['a.yml:2:5: files[0]: did not specify path for file']],
  ['a file without content', file('path: x'), ['a.yml:2:5: files[0]: contents of file (x) not specified']],
  [
    'contents and source',
    file('path: x', 'contents: a', 'source: b'),
    ['a.yml:2:5: files[0]: specified contents and source for file: x'],
  ],
  [
    'a directory with contents',
    file('path: x', 'directory: true', 'contents: a'),
    ['a.yml:2:5: files[0]: directory with contents not allowed'],
  ],
  [
    'unknown metadata',
    file('path: x', 'metadata: toml'),
    ['a.yml:2:5: files[0]: unsupported metadata type: toml'],
  ],
  [
    'a missing source',
    file('path: x', 'source: missing.txt'),
    ['a.yml:2:5: files[0]: source missing.txt is not there'],
  ],
  [
    'a mode as number',
    file('path: x', 'contents: a', 'mode: 0644'),
    ['a.yml:4:11: files[0].mode: a mode is octal digits in quotes, such as "0644", and this is a number'],
  ],
  [
    'a mode that is not octal',
    file('path: x', 'contents: a', 'mode: "0698"'),
    ['a.yml:4:11: files[0].mode: cannot parse "0698" as an octal mode, such as "0666"'],
  ],
  [
    'an unknown owner',
    file('path: x', 'contents: a', 'uid: bob'),
    ['a.yml:4:10: files[0].uid: cannot find id: bob: a name here is that of a container'],
  ],
  [
    'a path that leads out',
    file('path: ../x', 'contents: a'),
    ['a.yml:2:11: files[0].path: "../x" has a ".." in it'],
  ],
  // volumes
  [
    'a volume with upper case',
    'volumes:\n  - name: Vol\n',
    ['a.yml:2:11: volumes[0].name: invalid volume name: Vol'],
  ],
  [
    'a duplicate volume',
    'volumes:\n  - name: a\n  - name: a\n',
    ['a.yml:3:11: volumes[1].name: duplicate volume name: a: it stands already in line 2'],
  ],
  [
    'an unknown volume format',
    'volumes:\n  - {name: a, image: x, format: ext4}\n',
    ['a.yml:2:33: volumes[0].format: expected "filesystem" or "oci", got the string "ext4"'],
  ],
  [
    'oci without image',
    'volumes:\n  - {name: a, format: oci}\n',
    ['a.yml:2:5: volumes[0]: the volume a has the format oci but no image'],
  ],
  [
    'a wrong platform',
    'volumes:\n  - {name: a, image: x, format: oci, platforms: [amd64]}\n',
    [
      'a.yml:2:50: volumes[0].platforms[0]: "amd64" is no platform: it takes the form os/architecture[/variant]',
    ],
  ],
  [
    'a read-only volume bound for writing',
    `${service('binds: ["v:/v"]')}\nvolumes:\n  - {name: v, readonly: true}\n`,
    ['a.yml:4:13: services[0].binds[0]: volume v is read-only: bind it with the option "ro"'],
  ],
  [
    'a mistyped volume',
    `${service('binds: ["data1:/v"]')}\nvolumes:\n  - {name: data}\n`,
    ['a.yml:4:13: services[0].binds[0]: volume data1 not found: did you mean "data"?'],
  ],
  // variables, includes, templates
  [
    'a variable without value',
    'variables: {V: }\ninit: ["a:${V}"]\n',
    ['a.yml:2:8: the variable V has no value: give it one by --set V=…'],
  ],
  [
    'a wrong variable name',
    'variables: {a-b: 1}\ninit: [a]\n',
    ['a.yml:1:1: variables: "a-b" is no variable name: it takes letters, digits and "_"'],
  ],
  ['a missing include', 'include: [b.yml]\ninit: [a]\n', ['a.yml:1:11: include[0]: cannot read b.yml']],
  [
    'an include of itself',
    'include: [a.yml]\ninit: [a]\n',
    ['a.yml:1:11: include[0]: "a.yml" includes itself'],
  ],
  [
    'a template of nothing',
    'init: ["@pkg:./broken"]\n',
    ['a.yml:1:8: @pkg:./broken: there is no component in ./broken'],
  ],
];

describe('loadImageYaml', () => {
  it('has at least 60 wrong descriptions to tell of', () => expect(table.length).toBeGreaterThanOrEqual(60));

  it.each(table)('says what is wrong with %s, and where', async (_, text, expected) => {
    expect(await problemsOf(text)).toEqual(expected);
  });

  it('reports all problems at once, in the order of their places', async () => {
    const text = service('capabilities: [X]', 'binds: [/a]', 'uid: zed', 'foo: 1');
    expect(await problemsOf(`init: a\n${text}\nvolumes:\n  - name: B\n`)).toEqual([
      'a.yml:1:7: init: expected a list, got the string "a"',
      'a.yml:5:20: services[0].capabilities[0]: unknown capability: X',
      "a.yml:6:13: services[0].binds[0]: cannot parse bind, missing ':': /a",
      'a.yml:7:10: services[0].uid: cannot find id: zed: a name here is that of a container',
      'a.yml:8:5: services[0]: unknown key "foo"',
      'a.yml:10:11: volumes[0].name: invalid volume name: B',
    ]);
  });

  it('refuses a bomb of aliases', async () => {
    const lines = ['a: &a0 [x, x]'];
    for (let i = 1; i < 30; i++) lines.push(`k${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
    expect((await problemsOf(lines.join('\n')))[0]).toContain('more than 100000 values');
  });
});
