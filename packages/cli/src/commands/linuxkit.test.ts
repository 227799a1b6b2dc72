import { OrlopError } from '@orlop/core';
import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { linuxkitArguments, linuxkitEnvironment } from './linuxkit-flags.ts';
import { linuxkitVoice, reportLinuxkitError } from './linuxkit-messages.ts';
import { schemaMessage } from './linuxkit-words.ts';

const program = new Command('linuxkit');
program.command('build').option('--no-sbom').option('--pull').option('--name <name>');

/** Collects what is written to both streams. */
function output() {
  const said = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    ({
      write: (text: string) => {
        said[name] += text;
        return true;
      },
    }) as unknown as NodeJS.WritableStream;
  return { said, stdout: stream('stdout'), stderr: stream('stderr') };
}

describe('linuxkitArguments', () => {
  it('takes the global flags wherever they stand, in both spellings', () => {
    const words = '-q --cache c build --mirror=http://a --name x --mirror b=http://b --cert-file k x.yml';
    const { globals, rest } = linuxkitArguments(words.split(' '));
    expect(globals).toEqual({
      cache: 'c',
      mirrors: ['http://a', 'b=http://b'],
      certFiles: ['k'],
      quiet: true,
      verbose: 1,
    });
    expect(rest(program)).toEqual(['build', '--name', 'x', 'x.yml']);
  });

  it.each([
    ['-v 3 build', 3, ['build']],
    ['-v=0 build', 0, ['build']],
    ['--verbose 2 build', 2, ['build']],
    ['-v build', 2, ['build']],
  ])('reads the level of %j', (line, level, rest) => {
    const read = linuxkitArguments(line.split(' '));
    expect([read.globals.verbose, read.rest(program)]).toEqual([level, rest]);
  });

  it('spells out flags with true and false, and leaves values and what follows -- alone', () => {
    const spelt = (line: string) => linuxkitArguments(line.split(' ')).rest(program);
    expect(spelt('build --no-sbom=true --pull=false --name=true')).toEqual([
      'build',
      '--no-sbom',
      '--name=true',
    ]);
    expect(spelt('build -- -q --pull=x')).toEqual(['build', '--', '-q', '--pull=x']);
    expect(() => spelt('build --pull=maybe')).toThrow('invalid argument "maybe" for "--pull" flag');
    expect(() => spelt('build --cache')).toThrow('flag needs an argument: --cache');
  });
});

describe('linuxkitEnvironment', () => {
  it('prefers flags to variables of LinuxKit, and those to variables of Orlop', () => {
    const env = { LINUXKIT_CACHE: '/l', ORLOP_CACHE: '/o', LINUXKIT_MIRROR: 'm', HOME: '/h' };
    const { globals } = linuxkitArguments(['--mirror', 'a', '--mirror', 'b', '-v', '2']);
    expect(linuxkitEnvironment(env, globals)).toMatchObject({
      ORLOP_CACHE: '/l',
      ORLOP_MIRROR: 'a,b',
      ORLOP_LOG: 'info',
      ORLOP_STARTED_AS: 'orlop',
      HOME: '/h',
    });
    const given = linuxkitArguments(['--cache', '/f']).globals;
    expect(linuxkitEnvironment(env, given)['ORLOP_CACHE']).toBe('/f');
  });
});

describe('reportLinuxkitError', () => {
  const report = (error: unknown) => {
    const { said, stdout, stderr } = output();
    return { status: reportLinuxkitError(error, { stdout, stderr }), ...said };
  };

  it('exits with 1 whatever the kind of the failure', () => {
    const { status, stderr } = report(
      new OrlopError('x.y', 'not-found', 'no such thing', { hint: 'make it' }),
    );
    expect([status, stderr]).toEqual([1, 'Error: no such thing\n  hint: make it\n']);
  });

  it.each([
    ['commander.unknownOption', "error: unknown option '--foo=1'", 'unknown flag: --foo'],
    ['commander.unknownOption', "error: unknown option '-o'", "unknown shorthand flag: 'o' in -o"],
    ['commander.unknownCommand', "error: unknown command 'x'", 'unknown command "x" for "linuxkit"'],
    [
      'commander.optionMissingArgument',
      "error: option '--name <name>' argument missing",
      'flag needs an argument: --name',
    ],
    [
      'commander.missingArgument',
      "error: missing required argument 'path'",
      'requires at least 1 arg(s), only received 0',
    ],
  ])('says %s in the words of cobra: %s', (code, message, expected) => {
    const { status, stderr } = report(new CommanderError(1, code, message));
    expect(status).toBe(1);
    expect(stderr).toContain(`Error: ${expected}`);
  });

  it.each([
    ['kit.unknown-format', 'unknown format "ormat"', 'error parsing formats: unknown format type ormat'],
    ['kit.source-unreadable', 'cannot read a.yml', 'cannot open config file: cannot read a.yml'],
    [
      'kit.source-unavailable',
      'cannot fetch http://a/b.yml',
      'cannot fetch remote yaml file: cannot fetch http://a/b.yml',
    ],
  ])('says %s in words that scripts look for', (code, message, expected) => {
    expect(report(new OrlopError(code, 'invalid', message)).stderr).toBe(`Error: ${expected}\n`);
  });

  it('names the image that cannot be had first', () => {
    const problems = [{ message: 'init[0]: docker.io/library/nosuch:1: there is no host' }];
    const { stderr } = report(
      new OrlopError('kit.image-not-found', 'not-found', 'an image cannot be had', { problems }),
    );
    expect(stderr.split('\n')[0]).toBe(
      'Error: could not pull image docker.io/library/nosuch:1: error getting manifest for image docker.io/library/nosuch:1: there is no host',
    );
  });

  it('says EOF of an empty description', () => {
    const problems = [{ message: 'the file is empty' }];
    const error = new OrlopError('kit.invalid-yaml', 'invalid', 'a.yml is wrong', { problems });
    expect(report(error)).toEqual({ status: 1, stdout: '', stderr: 'Error: invalid config: EOF\n' });
  });

  it('lists what is wrong with a description on standard output, by the paths of a JSON schema', () => {
    const position = { file: 'a.yml', line: 2, column: 3 };
    const problems = [
      { message: 'services[0]: unknown key "foo"', position },
      { message: 'unknown key "bar"' },
    ];
    const error = new OrlopError('kit.invalid-yaml', 'invalid', 'a.yml is wrong', { problems });
    const { stdout, stderr } = report(error);
    expect(stdout).toBe(
      'The configuration file is invalid:\n- services.0: Additional property foo is not allowed\n- (root): Additional property bar is not allowed\n',
    );
    expect(stderr).toContain('Error: invalid config: invalid configuration file\n  a.yml:2:3: services[0]');
  });
});

describe('schemaMessage', () => {
  it.each([
    ['services[1]: "image" is missing', 'services.1: image is required'],
    [
      'services[0].readonly: expected true or false, got the string "yes"',
      'services.0.readonly: Invalid type. Expected: boolean, given: string',
    ],
    [
      'onboot[0].command[0]: expected a string, got true: put it in quotes if it is meant as text',
      'onboot.0.command.0: Invalid type. Expected: string, given: boolean',
    ],
    ['init: expected a list, got the number 7', 'init: Invalid type. Expected: array, given: integer'],
    ['kernel: expected a mapping, got nothing', 'kernel: Invalid type. Expected: object, given: null'],
    [
      'volumes[0].format: expected "filesystem" or "oci", got the string "tgz"',
      'volumes.0.format: volumes.0.format must be one of the following: "oci", "filesystem"',
    ],
    [
      'files[0].mode: cannot parse "9z" as an octal mode, such as "0666"',
      'files.0.mode: cannot parse file mode as octal value: 9z',
    ],
    [
      'onboot[0].rlimits[0]: cannot parse rlimit "nofile,1": it takes the form name,soft,hard',
      'onboot.0.rlimits.0: cannot parse rlimit: [nofile,1]',
    ],
    [
      'onboot[0].binds[0]: volume r is read-only: bind it with the option "ro"',
      'onboot.0.binds.0: volume r is read-only, but attempting to write into container read-write',
    ],
    [
      'files[1]: specified contents and source for file: a',
      'files.1: specified Contents and Source for file: a',
    ],
    ['onboot[0].binds[2]: too many ":"', 'onboot.0.binds.2: too many ":"'],
    ['services depend on each other in a ring: a -> b', 'services depend on each other in a ring: a -> b'],
  ])('%s', (message, expected) => {
    expect(schemaMessage({ message })).toBe(expected);
  });
});

describe('linuxkitVoice', () => {
  const steps: readonly (readonly [string, string])[] = [
    ['Extract kernel', 'k'],
    ['Copy init[0]', 'a'],
    ['Extract init[1]', 'b'],
    ['Extract onboot[0]', 'c'],
    ['Extract services[0]', 'd'],
  ];
  const outputs = [
    { path: '/x/n-kernel', sizeBytes: 1 },
    { path: '/x/n-initrd.img', sizeBytes: 1 },
  ];

  it('names steps and outputs on standard error', () => {
    const { said, stdout, stderr } = output();
    const voice = linuxkitVoice({ stdout, stderr }, { format: [] });
    for (const [what, reference] of steps) voice.step(what, reference);
    voice.done({ outputs, steps: [], images: [] });
    expect(said.stderr.split('\n')).toEqual([
      'Extract kernel image: k',
      'Add init containers:',
      'Copy init[0]: a',
      'Process init image: b',
      'Add onboot containers:',
      '  Create OCI config for c',
      'Add service containers:',
      '  Create OCI config for d',
      'Create outputs:',
      '  n-kernel n-initrd.img',
      '',
    ]);
    expect(said.stdout).toBe('');
  });

  it('says nothing when told to be quiet', () => {
    const { said, stdout, stderr } = output();
    const voice = linuxkitVoice({ stdout, stderr }, { format: [], quiet: true });
    for (const [what, reference] of steps) voice.step(what, reference);
    voice.done({ outputs, steps: [], images: [] });
    expect(said).toEqual({ stdout: '', stderr: '' });
  });
});
