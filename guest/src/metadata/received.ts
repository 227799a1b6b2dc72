import { paths } from '../paths.ts';
import { type Files, type System, succeeded } from '../system/system.ts';

export const CONFIG_FOLDER = '/run/config';
const USER_DATA = `${CONFIG_FOLDER}/userdata`;

/**
 * Keeps a file as this machine's user data, byte by byte, for it may be no text; from its `from`th byte.
 *
 * @returns whether it could be read
 */
export function receiveFile({ files, processes }: System, path: string, from = 0): boolean {
  files.makeFolder(CONFIG_FOLDER);
  // Made before it is filled: what is given to machines is often secret.
  if (!files.write(USER_DATA, '', { mode: 0o600 })) return false;
  const received =
    from === 0
      ? files.copy(path, USER_DATA)
      : succeeded(
          processes.run([paths.busybox, 'tail', '-c', `+${from + 1}`, path], {
            stdout: { appendTo: USER_DATA },
          }),
        );
  if (!received) files.remove(USER_DATA);
  return received;
}

/** The user data as text; undefined without any. */
export function receivedUserData(files: Files): string | undefined {
  return files.read(USER_DATA);
}
