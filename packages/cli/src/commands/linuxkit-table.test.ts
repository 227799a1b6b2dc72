import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { orlopProgram } from '../program.ts';
import { contextIn } from '../testing/command-under-test.ts';
import { linuxkitArguments, linuxkitEnvironment, linuxkitProgram } from './linuxkit.ts';

/**
 * LinuxKit's commands and flags (v1.8, 2026-03), each with a value where it takes one. What each does is tested where
 * it is done; here each is taken, in both spellings, and reaches its command.
 */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  'build a.yml': [
    ...[
      '--name x',
      '--dir d',
      '--o -',
      '--format tar',
      '-f iso-bios,raw-efi',
      '--size 1024M',
      '--arch arm64',
    ],
    ...[
      '--pull',
      '--docker',
      '--decompress-kernel',
      '--input-tar a.tar',
      '--no-sbom',
      '--sbom-output s.json',
    ],
    ...['--sbom-current-time', '--dry-run'],
  ],
  'run qemu PATH': [
    ...['--cpus 2', '--mem 2048', '--disk file=a.img,size=1G,format=qcow2', '--kernel', '--iso', '--uefi'],
    ...['--squashfs', '--fw bios.bin', '--state s', '--data text', '--data-file f', '--accel kvm:tcg'],
    ...['--arch aarch64', '--qemu /usr/bin/qemu-system-x86_64', '--detached', '--networking default'],
    ...[
      '--publish 8080:80/tcp',
      '--usb',
      '--device usb-host,vendorid=1',
      '--gui',
      '--virtiofsd v',
      '--virtiofs d',
    ],
  ],
  'cache ls': [],
  'cache clean': ['--published-only'],
  'cache rm x': ['--published-only'],
  'cache pull x': [],
  'cache push x': ['--remote-name y', '--with-arch-tags', '--override'],
  'cache import a.tar': [],
  'cache export x': [
    ...['--format docker', '--platform linux/arm64', '--arch arm64', '--outfile a.tar', '--name y'],
  ],
  'pkg build DIR': [
    ...['--force', '--pull', '--push', '--nobuild', '--ignore-cached', '--docker', '--platforms linux/amd64'],
    ...[
      '--skip-platforms linux/riscv64',
      '--builders linux/arm64=ctx',
      '--builder-name b',
      '--builder-image i',
    ],
    ...['--builder-config f', '--builder-restart', '--precache-images', '--release v1', '--manifest'],
    ...[
      '--sbom-scanner s',
      '--dockerfile D',
      '--build-arg-file f',
      '--progress plain',
      '--ssh default',
      '--dry-run',
    ],
  ],
  'pkg push DIR': [
    '--force',
    '--nobuild',
    '--platforms linux/amd64',
    '--release v1',
    '--manifest',
    '--builders a=b',
  ],
  'pkg show-tag DIR': ['--canonical'],
  'pkg manifest DIR': [],
  'pkg index DIR': [],
  'pkg remote-tag a b': ['--release v1'],
  'pkg builder du': ['--builders a=b', '--platforms linux/amd64', '--builder-image i', '--builder-name b'],
  'pkg builder prune': ['--builders a=b', '--platforms linux/amd64', '--builder-image i', '--builder-name b'],
  'metadata create a.iso text': [],
  serve: ['--port :8090', '--directory d'],
  version: ['--short', '--commit'],
  'completion bash': [],
};

/** LinuxKit has these on every command of `pkg`. */
const OF_PKG = [
  ...['--disable-cache', '--enable-cache', '--network', '--nonetwork', '--org o', '--build-yml b.yml'],
  ...['--hash h', '--tag t', '--hash-commit HEAD~', '--hash-path p', '--force-dirty', '--dev'],
  ...['--registry-creds r=u:p', '--disable-content-trust'],
];

/** And these on every command. */
const OF_ALL = [
  '--cache c',
  '--mirror http://m',
  '--mirror r=http://m',
  '--cert-file k',
  '-q',
  '-v 2',
  '--verbose 1',
];

/** What Orlop itself has no use for: of BuildKit's container, of Docker as a source of images, and flags of old. */
const ONLY_AS_LINUXKIT: Readonly<Record<string, string>> = {
  '--builders': 'builds by Docker are the work of the user’s Docker',
  '--builder-name': 'likewise',
  '--builder-image': 'likewise',
  '--builder-config': 'likewise',
  '--builder-restart': 'likewise',
  '--precache-images': 'likewise',
  '--progress': 'likewise',
  '--ssh': 'likewise',
  '--sbom-scanner': 'likewise',
  '--disable-cache': 'likewise',
  '--enable-cache': 'likewise',
  '--network': 'likewise',
  '--nonetwork': 'likewise',
  '--docker': 'images come from the store and from registries',
  '--manifest': 'there is always an index',
  '--ignore-cached': 'it is --force',
  '--arch': 'it is --platform',
  '--disable-content-trust': 'there is no content trust',
  '--dev': 'it is --org USER --hash dev',
};

/** Commands of `pkg` that read no definition, and so take nothing that changes one. */
const WITHOUT_DEFINITION = /^pkg (remote-tag|builder) /;

type Row = readonly [command: string, flag: string];
const rows: readonly Row[] = Object.entries(FLAGS).flatMap(([command, own]) => {
  const all = command.startsWith('pkg ') ? [...new Set([...own, ...OF_PKG])] : own;
  return all.map((flag): Row => [command, flag]);
});

/** Reads a command line without doing what it says. @returns the options of its command */
async function read(program: Command, words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  let options: Readonly<Record<string, unknown>> | undefined;
  const quiet = (command: Command) => {
    command.exitOverride().configureOutput({ writeErr: () => {}, outputError: () => {} });
    if (command.commands.length === 0) {
      command.action(() => {
        options = command.opts();
      });
    }
    for (const child of command.commands) quiet(child);
  };
  quiet(program);
  await program.parseAsync(words, { from: 'user' });
  if (options === undefined) throw new Error('no command was reached');
  return options;
}

function asLinuxkit(words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { globals, rest } = linuxkitArguments(words);
  const context = { ...contextIn('/nonexistent'), env: { USER: 'me' } };
  const program = linuxkitProgram(context, globals);
  return read(program, rest(program));
}

const asOrlop = (words: readonly string[]) => read(orlopProgram(contextIn('/nonexistent')), words);

/** `--input-tar a.tar` is inputTar; `--no-sbom` is sbom. */
function keyOf(flag: string): string {
  const name = flag.replace(/ .*/, '').replace(/^-+(no-)?/, '');
  return name === 'f' ? 'format' : name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

describe("LinuxKit's flags, as linuxkit", () => {
  it.each(rows)('%s takes %s, as one word too', async (command, flag) => {
    const without = await asLinuxkit(command.split(' '));
    const options = await asLinuxkit([...command.split(' '), ...flag.split(' ')]);
    if (flag === '--networking default') expect(options['networking']).toBe('user');
    else if (flag === '--dev') expect(options).toMatchObject({ org: 'me', hash: 'dev' });
    else expect(options[keyOf(flag)]).not.toEqual(without[keyOf(flag)]);
    if (!flag.startsWith('--')) return;
    const oneWord = flag.includes(' ') ? flag.replace(' ', '=') : `${flag}=true`;
    expect(await asLinuxkit([...command.split(' '), oneWord])).toEqual(options);
  });

  it.each([
    [
      'build -docker -format kernel+initrd -name x a.yml',
      'build --docker --format kernel+initrd --name x a.yml',
    ],
    ['build -docker --arch arm64 -o - a.yml', 'build --docker --arch arm64 --o - a.yml'],
    ['run -cpus=2 -disk file=a.img,size=1G x', 'run --cpus=2 --disk file=a.img,size=1G x'],
    ['run qemu -iso -uefi --data -iso x', 'run qemu --iso --uefi --data=-iso x'],
    [
      '-cache=c pkg build -hash-path . -network -org me DIR',
      'pkg build --hash-path . --network --org me DIR',
    ],
  ])('reads the one dash of scripts older than version 1: %s', async (old, now) => {
    expect(await asLinuxkit(old.split(' '))).toEqual(await asLinuxkit(now.split(' ')));
  });

  it.each(Object.keys(FLAGS))('%s takes the flags of all commands', async (command) => {
    const words = OF_ALL.flatMap((flag) => flag.split(' '));
    await asLinuxkit([...words, ...command.split(' ')]);
    await asLinuxkit([...command.split(' '), ...words]);
    expect(linuxkitEnvironment({}, linuxkitArguments(words).globals)).toMatchObject({
      ORLOP_CACHE: 'c',
      ORLOP_MIRROR: 'http://m,r=http://m',
      ORLOP_CERT_FILE: 'k',
    });
  });

  it.each([
    ['pkg --org me --force-dirty show-tag --canonical DIR', { org: 'me', forceDirty: true, canonical: true }],
    ['pkg builder --platforms linux/amd64 du', { platforms: 'linux/amd64' }],
    ['pkg --hash=h build DIR --force', { hash: 'h', force: true }],
    ['run --cpus 2 qemu --uefi PATH', { cpus: 2, uefi: true }],
  ])('takes flags of a group before the command: %s', async (line, expected) => {
    expect(await asLinuxkit(line.split(' '))).toMatchObject(expected);
  });

  it.each(['build a.yml --name= --dir= --o= --input-tar=', 'run qemu x --state= --fw= --data-file='])(
    'takes an empty value for none: %s',
    async (line) => {
      const words = line.split(' ');
      const bare = words.filter((word) => !word.startsWith('--'));
      const given = Object.entries(await asLinuxkit(words)).filter(([, value]) => value !== undefined);
      expect(Object.fromEntries(given)).toEqual(await asLinuxkit(bare));
    },
  );

  it.each([
    ['pkg build --force --nobuild DIR', 'cannot be used with'],
    ['pkg build --disable-cache --enable-cache DIR', 'cannot be used with'],
    ['pkg show-tag --network --nonetwork DIR', 'cannot be used with'],
    ['run qemu --bogus x', 'unknown option'],
    ['build -output x a.yml', 'unknown option'],
  ])('refuses %s', async (line, why) => {
    await expect(asLinuxkit(line.split(' '))).rejects.toThrow(why);
  });

  it.each([
    [['push', 'gcp', '--bucket', 'b', 'x'], 'there is no push to gcp'],
    [['run', 'hyperkit', 'x'], 'there is no backend hyperkit: QEMU is the only one'],
  ])('says why there is no %j', async (words, why) => {
    const { globals, rest } = linuxkitArguments(words);
    const program = linuxkitProgram(contextIn('/nonexistent'), globals);
    await expect(program.parseAsync(rest(program), { from: 'user' })).rejects.toThrow(why);
  });
});

describe("LinuxKit's flags, as orlop", () => {
  it('are taken, but for those that only LinuxKit has a use for', async () => {
    const refused: Row[] = [];
    for (const [command, flag] of rows) {
      const words = [...command.split(' '), ...flag.split(' ')];
      try {
        const options = await asOrlop(words);
        expect(options, words.join(' ')).toHaveProperty(keyOf(flag));
      } catch (error) {
        if (!String(error).includes('unknown option')) throw error;
        refused.push([command, flag.replace(/ .*/, '')]);
      }
    }
    const unexplained = refused.filter(
      ([command, flag]) => !(flag in ONLY_AS_LINUXKIT) && !WITHOUT_DEFINITION.test(command),
    );
    // `pkg push` of Orlop's builds nothing.
    expect(unexplained.filter(([command]) => command !== 'pkg push DIR')).toEqual([
      ['pkg show-tag DIR', '--registry-creds'],
      ['pkg manifest DIR', '--registry-creds'],
      ['pkg index DIR', '--registry-creds'],
    ]);
    const names = new Set(refused.map(([, flag]) => flag));
    expect(Object.keys(ONLY_AS_LINUXKIT).filter((flag) => !names.has(flag))).toEqual([]);
  });
});
