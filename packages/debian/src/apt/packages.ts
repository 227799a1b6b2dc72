import { type ControlFields, formatControl } from './control.ts';

/** A binary package that apt chose. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** `all` where the package is the same everywhere. */
  readonly architecture: string;
  readonly sizeBytes: number;
  /** Lower-case hex, from the signed index. */
  readonly sha256: string;
  readonly sourceName: string;
  readonly sourceVersion: string;
  readonly maintainer: string;
  readonly homepage?: string;
}

/** What `apt-get install --print-uris` would fetch: name and version of each package. */
export function parseUris(output: string): readonly { readonly name: string; readonly version: string }[] {
  return output.split('\n').flatMap((line) => {
    const match = /^'[^']*' ([^_ ]+)_([^_ ]+)_[^_ ]+\.deb \d+/.exec(line);
    return match === null ? [] : [{ name: match[1] ?? '', version: decodeURIComponent(match[2] ?? '') }];
  });
}

/** Reads a paragraph of a package index. Undefined when a field that every index has is missing. */
export function parsePackage(fields: ControlFields): DebianPackage | undefined {
  const name = fields.get('Package');
  const version = fields.get('Version');
  const architecture = fields.get('Architecture');
  const sha256 = fields.get('SHA256');
  const sizeBytes = Number(fields.get('Size'));
  if (name === undefined || version === undefined || architecture === undefined || sha256 === undefined) {
    return undefined;
  }
  // `Source: busybox (1:1.37.0-6)`; absent where both name and version are the package's.
  const source = /^(\S+)(?:\s+\((\S+)\))?$/.exec(fields.get('Source') ?? name);
  const homepage = fields.get('Homepage');
  return {
    name,
    version,
    architecture,
    sha256,
    sizeBytes,
    sourceName: source?.[1] ?? name,
    sourceVersion: source?.[2] ?? version,
    maintainer: fields.get('Maintainer') ?? '',
    ...(homepage === undefined ? {} : { homepage }),
  };
}

/** The name under which `apt-get download` leaves a package. */
export function packageFileName(entry: DebianPackage): string {
  return `${entry.name}_${entry.version.replaceAll(':', '%3a')}_${entry.architecture}.deb`;
}

/** Fields that a package counted as installed keeps in dpkg's status; without relations it pulls nothing in. */
const STATUS_FIELDS = ['Package', 'Version', 'Architecture', 'Multi-Arch', 'Provides', 'Maintainer'];

/** A paragraph of dpkg's status that says the package is installed. */
export function formatInstalled(fields: ControlFields): string {
  return formatControl([
    ...STATUS_FIELDS.flatMap((name) => {
      const value = fields.get(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
    ['Status', 'install ok installed'],
    ['Description', 'left out of the image'],
  ]);
}
