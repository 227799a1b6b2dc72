import type { Share } from '../machine-spec.ts';

export interface VirtiofsdSurroundings {
  readonly program: string;
  /** What the program says to `--help`: the C server takes `-o` options, the Rust one long ones. */
  readonly help: string;
  /** Relative to the folder in which the server starts. */
  readonly socket: string;
  readonly userId: number;
  /** Whether ranges of identities are set aside for this user (subuid(5)) and newuidmap(1) hands them out. */
  readonly hasIdentityRanges: boolean;
}

/**
 * What is done in a mount namespace of the server's own before it starts. The C server writes to /run/virtiofsd, where
 * only root may: a user's has a folder there that nobody else sees. A read-only share is a read-only mount of itself,
 * which holds whatever the guest asks for; only the options that the mount has already may be given in a namespace of
 * a user's. File systems mounted within a read-only share are not in it: they would stay writable.
 */
const PREPARE = `set -e
source=$1 mode=$2 run=$3
shift 3
if [ "$run" = own-run ]; then
  if [ -d /run/virtiofsd ]; then mount -t tmpfs none /run/virtiofsd; else mount -t tmpfs none /run; fi
fi
if [ "$mode" = ro ]; then
  mount --bind "$source" "$source"
  options=$(findmnt -n -o VFS-OPTIONS -M "$source" | tail -n 1)
  mount -o "remount,bind,ro,\${options#r?,}" "$source"
fi
exec "$@"`;

/**
 * The commands that serve a share, the best first: each is tried when the one before could not start. All are shut into
 * the shared folder. `namespace` also takes the network and the sight of other processes away; within containers of
 * the host it is not allowed, `chroot` is.
 */
export function virtiofsdCommands(
  { hostPath, readOnly = false }: Pick<Share, 'hostPath' | 'readOnly'>,
  around: VirtiofsdSurroundings,
): string[][] {
  const { program, help, socket, userId } = around;
  const root = userId === 0;
  if (help.includes('--shared-dir')) {
    const refuses = help.includes('--readonly');
    return ['namespace', 'chroot'].map((sandbox) => {
      const server = [
        program,
        ...[`--socket-path=${socket}`, '--shared-dir', hostPath, '--cache=auto', `--sandbox=${sandbox}`],
        ...(readOnly && refuses ? ['--readonly'] : []),
      ];
      if (root && (refuses || !readOnly)) return server;
      return prepared(server, { hostPath, readOnly: readOnly && !refuses, ownRun: false, around });
    });
  }
  return ['namespace', 'chroot'].map((sandbox) => {
    const options = `source=${hostPath.replaceAll(',', '\\,')},cache=auto,sandbox=${sandbox}`;
    const server = [program, '-f', `--socket-path=${socket}`, '-o', options];
    return readOnly || !root ? prepared(server, { hostPath, readOnly, ownRun: !root, around }) : server;
  });
}

function prepared(
  server: readonly string[],
  options: {
    readonly hostPath: string;
    readonly readOnly: boolean;
    readonly ownRun: boolean;
    readonly around: VirtiofsdSurroundings;
  },
): string[] {
  const { hostPath, readOnly, ownRun, around } = options;
  // A user is root of a user namespace: everything that the guest makes is this user's, as far as ranges do not reach.
  const user =
    around.userId === 0
      ? []
      : ['--user', '--map-root-user', ...(around.hasIdentityRanges ? ['--map-auto'] : [])];
  return [
    ...['unshare', ...user, '--mount', '--propagation', 'private', '--'],
    ...['sh', '-c', PREPARE, 'sh', hostPath, readOnly ? 'ro' : 'rw', ownRun ? 'own-run' : 'run', ...server],
  ];
}
