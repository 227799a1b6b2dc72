import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianError } from '../errors.ts';
import { runTool } from '../tool.ts';
import {
  type AptSource,
  debianSources,
  mirrorSources,
  parseDeb822Sources,
  parseListSources,
  withoutFixes,
} from './machine-sources.ts';
import { readAcquireSettings } from './settings.ts';

const SOURCES_FOLDER = '/etc/apt/sources.list.d';
const SOURCES_LIST = '/etc/apt/sources.list';
/** Where Debian's package debian-archive-keyring keeps the keys of its releases. */
const KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
];

/** How this machine reaches Debian: read once, then given to every build. */
export interface DebianArchive {
  readonly sourcesFor: (suite: string) => readonly AptSource[];
  readonly keyring: string;
  readonly acquire: readonly string[];
}

export interface ArchiveOptions {
  /** URI of a Debian mirror to use in place of the machine's. @default $ORLOP_DEBIAN_MIRROR */
  readonly mirror?: string | undefined;
  /**
   * URI of the security archive that goes with it; without it no security updates are taken.
   * @default $ORLOP_DEBIAN_SECURITY_MIRROR
   */
  readonly securityMirror?: string | undefined;
  /** File of the keys that sign the archive. @default $ORLOP_DEBIAN_KEYRING, or that of debian-archive-keyring */
  readonly keyring?: string | undefined;
  /**
   * Whether packages that were fixed after the release are taken.
   * @default true, or what $ORLOP_DEBIAN_UPDATES says: yes or no
   */
  readonly updates?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads the machine's apt configuration: mirrors, proxies, timeouts.
 *
 * @throws OrlopError `debian.no-sources` when there is no Debian archive in it and no mirror was named, or no keys.
 */
export async function readDebianArchive(options: ArchiveOptions = {}): Promise<DebianArchive> {
  const { env } = process;
  const { signal, mirror = env['ORLOP_DEBIAN_MIRROR'] } = options;
  const securityMirror = options.securityMirror ?? env['ORLOP_DEBIAN_SECURITY_MIRROR'];
  const dump = await runTool('apt-config', ['dump'], { signal });
  const keyring = options.keyring ?? env['ORLOP_DEBIAN_KEYRING'] ?? (await firstExisting(KEYRINGS));
  if (keyring === undefined) {
    throw debianError(
      'debian.no-sources',
      `no keys of Debian's archive: none of ${KEYRINGS.join(', ')} exists`,
      {
        hint: 'apt-get install debian-archive-keyring, or set ORLOP_DEBIAN_KEYRING to a file of keys',
      },
    );
  }
  const acquire = readAcquireSettings(dump.stdout);
  const updates = options.updates ?? wantsUpdates(env['ORLOP_DEBIAN_UPDATES']);
  const chosen = (sources: readonly AptSource[]) => (updates ? sources : withoutFixes(sources));
  if (mirror !== undefined) {
    return { keyring, acquire, sourcesFor: (suite) => chosen(mirrorSources(suite, mirror, securityMirror)) };
  }
  const machine = await readMachineSources();
  return {
    keyring,
    acquire,
    sourcesFor(suite) {
      const sources = chosen(debianSources(machine, suite));
      if (sources.length > 0) return sources;
      throw debianError(
        'debian.no-sources',
        `no Debian archive stands in ${SOURCES_LIST} or ${SOURCES_FOLDER}`,
        {
          hint: 'set ORLOP_DEBIAN_MIRROR to the URI of a Debian mirror',
        },
      );
    },
  };
}

function wantsUpdates(text: string | undefined): boolean {
  if (text === undefined || text === '' || text === 'yes') return true;
  if (text === 'no') return false;
  throw debianError('debian.bad-setting', `ORLOP_DEBIAN_UPDATES is "${text}": it is yes or no`);
}

async function readMachineSources(): Promise<readonly AptSource[]> {
  const sources = [...parseListSources(await readIfThere(SOURCES_LIST))];
  const names = await readdir(SOURCES_FOLDER).catch(() => []);
  for (const name of names.sort()) {
    const text = await readIfThere(join(SOURCES_FOLDER, name));
    if (name.endsWith('.sources')) sources.push(...parseDeb822Sources(text));
    else if (name.endsWith('.list')) sources.push(...parseListSources(text));
  }
  return sources;
}

/** A file of the machine that may be missing, or readable by root alone. */
async function readIfThere(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}
