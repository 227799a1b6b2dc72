import { describe, expect, it } from 'vitest';
import { type VirtiofsdSurroundings, virtiofsdCommands } from './virtiofsd-command.ts';

const c: VirtiofsdSurroundings = {
  program: '/usr/lib/qemu/virtiofsd',
  help: '-o sandbox=namespace|chroot\n-o source=PATH shared directory tree',
  socket: 's.sock',
  userId: 0,
  hasIdentityRanges: false,
};
const rust: VirtiofsdSurroundings = {
  ...c,
  program: '/usr/libexec/virtiofsd',
  help: '--shared-dir <SHARED_DIR>\n--readonly',
};
const share = { hostPath: '/src' };

/** The script that prepares the namespace is long, and judged by starting it. */
const words = (command: readonly string[] | undefined) =>
  command?.map((word) => (word.includes('\n') ? 'SCRIPT' : word)).join(' ');

describe('virtiofsdCommands', () => {
  it('shuts the C server into the folder, with a namespace where the host allows one', () => {
    expect(virtiofsdCommands(share, c).map(words)).toEqual([
      '/usr/lib/qemu/virtiofsd -f --socket-path=s.sock -o source=/src,cache=auto,sandbox=namespace',
      '/usr/lib/qemu/virtiofsd -f --socket-path=s.sock -o source=/src,cache=auto,sandbox=chroot',
    ]);
  });

  it('gives the C server, which knows no read-only, a read-only mount', () => {
    expect(words(virtiofsdCommands({ ...share, readOnly: true }, c)[0])).toBe(
      'unshare --mount --propagation private -- sh -c SCRIPT sh /src ro run ' +
        '/usr/lib/qemu/virtiofsd -f --socket-path=s.sock -o source=/src,cache=auto,sandbox=namespace',
    );
  });

  it('runs the C server of a user as root of a user namespace, with the ranges that the user has', () => {
    const user = { ...c, userId: 1000 };
    expect(words(virtiofsdCommands(share, user)[0])).toContain(
      'unshare --user --map-root-user --mount --propagation private -- sh -c SCRIPT sh /src rw own-run /usr',
    );
    expect(words(virtiofsdCommands(share, { ...user, hasIdentityRanges: true })[0])).toContain(
      '--map-root-user --map-auto --mount',
    );
  });

  it('asks the Rust server itself to refuse writes', () => {
    expect(words(virtiofsdCommands({ ...share, readOnly: true }, rust)[0])).toBe(
      '/usr/libexec/virtiofsd --socket-path=s.sock --shared-dir /src --cache=auto --sandbox=namespace --readonly',
    );
  });

  it('gives a Rust server that is too old for that a read-only mount', () => {
    const old = { ...rust, help: '--shared-dir <SHARED_DIR>' };
    expect(words(virtiofsdCommands({ ...share, readOnly: true }, old)[0])).toContain('SCRIPT sh /src ro run');
  });

  it('gives the Rust server of a user the same identities as the C one', () => {
    expect(words(virtiofsdCommands({ ...share, readOnly: true }, { ...rust, userId: 1000 })[0])).toBe(
      'unshare --user --map-root-user --mount --propagation private -- sh -c SCRIPT sh /src rw run ' +
        '/usr/libexec/virtiofsd --socket-path=s.sock --shared-dir /src --cache=auto --sandbox=namespace --readonly',
    );
  });

  it('escapes the comma that would begin an option of the C server', () => {
    expect(words(virtiofsdCommands({ hostPath: '/a,b' }, c)[0])).toContain('source=/a\\,b,cache');
  });

  it('never leaves a server without a sandbox', () => {
    for (const around of [c, rust, { ...c, userId: 1 }, { ...rust, userId: 1 }]) {
      for (const command of virtiofsdCommands(share, around)) {
        expect(words(command)).toMatch(/sandbox=(namespace|chroot)/);
      }
    }
  });
});
