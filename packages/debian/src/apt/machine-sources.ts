import { formatControl, parseControl } from './control.ts';

/** One entry of apt's list of sources. sources.list(5). */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy?: string;
}

/** Names under which Debian publishes its releases; other archives on the machine are not Debian's. */
const DEBIAN_RELEASES = new Set([
  ...['buster', 'bullseye', 'bookworm', 'trixie', 'forky', 'duke', 'sid'],
  ...['oldoldstable', 'oldstable', 'stable', 'testing', 'unstable'],
]);

/** Parts of a release beside its base that images take: fixes. Backports and proposals are left out. */
const FIXES = ['-updates', '-security'] as const;

/** What apt takes for no (apt-pkg/contrib/strutl.cc, StringToBool). */
const NO = /^(no|false|0|off|without|disable)$/i;

/** Reads a `*.sources` file. Names of fields are in any case: deb822(5). */
export function parseDeb822Sources(text: string): readonly AptSource[] {
  return parseControl(text).flatMap((paragraph) => {
    const fields = new Map([...paragraph].map(([name, value]) => [name.toLowerCase(), value]));
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter((word) => word !== '');
    if (!words('types').includes('deb') || NO.test(fields.get('enabled') ?? 'yes')) return [];
    const signedBy = fields.get('signed-by');
    return [
      {
        uris: words('uris'),
        suites: words('suites'),
        components: words('components'),
        ...(signedBy === undefined ? {} : { signedBy }),
      },
    ];
  });
}

/** Reads a `*.list` file: lines `deb [options] uri suite component…`. */
export function parseListSources(text: string): readonly AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1];
    return [
      {
        uris: [uri],
        suites: [suite],
        components: components.split(/\s+/).filter((word) => word !== ''),
        ...(signedBy === undefined ? {} : { signedBy }),
      },
    ];
  });
}

/**
 * What the machine's sources say about where Debian is, for another release: entries of Debian's archive with
 * their release replaced by `suite`, the base and its fixes only, the component `main` only, doubles dropped.
 */
export function debianSources(machine: readonly AptSource[], suite: string): readonly AptSource[] {
  const seen = new Set<string>();
  return machine.flatMap((source) => {
    if (!source.components.includes('main') || !isDebianKey(source.signedBy)) return [];
    return source.uris.flatMap((uri) => {
      const suites = source.suites
        .flatMap((own) => translateSuite(own, suite))
        .filter((own) => !seen.has(`${uri} ${own}`));
      for (const own of suites) seen.add(`${uri} ${own}`);
      const mine = [...new Set(suites)];
      return uri.startsWith('cdrom:') || mine.length === 0
        ? []
        : [{ uris: [uri], suites: mine, components: ['main'] }];
    });
  });
}

/** Sources for a mirror that the user named: its base suite and updates, and security where that is named too. */
export function mirrorSources(suite: string, mirror: string, securityMirror?: string): readonly AptSource[] {
  const base = { uris: [mirror], suites: [suite, `${suite}-updates`], components: ['main'] };
  return securityMirror === undefined
    ? [base]
    : [base, { uris: [securityMirror], suites: [`${suite}-security`], components: ['main'] }];
}

/** The release as it was published, without what was fixed since. */
export function withoutFixes(sources: readonly AptSource[]): readonly AptSource[] {
  return sources.flatMap((source) => {
    const suites = source.suites.filter((suite) => !FIXES.some((suffix) => suite.endsWith(suffix)));
    return suites.length === 0 ? [] : [{ ...source, suites }];
  });
}

/** A `*.sources` file in which everything is signed by `keyring`. */
export function formatSources(sources: readonly AptSource[], keyring: string): string {
  return sources
    .map((source) =>
      formatControl([
        ['Types', 'deb'],
        ['URIs', source.uris.join(' ')],
        ['Suites', source.suites.join(' ')],
        ['Components', source.components.join(' ')],
        ['Signed-By', keyring],
      ]),
    )
    .join('');
}

function translateSuite(own: string, suite: string): readonly string[] {
  // Before bullseye the security archive was written `buster/updates`.
  const normal = own.replace(/\/updates$/, '-security');
  const part = FIXES.find((suffix) => normal.endsWith(suffix)) ?? '';
  return DEBIAN_RELEASES.has(part === '' ? normal : normal.slice(0, -part.length)) ? [`${suite}${part}`] : [];
}

/** Other archives name their own key. */
function isDebianKey(signedBy: string | undefined): boolean {
  return signedBy === undefined || signedBy.includes('\n') || signedBy.includes('debian-archive');
}
