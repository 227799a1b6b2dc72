import { debianError } from '../errors.ts';

/**
 * Settings of the machine that a private apt takes over: how it reaches the network. What would weaken the
 * check of signatures, or change which indexes are fetched, is not taken over.
 */
const NOT_TAKEN_OVER =
  /^Acquire::(IndexTargets|Changelogs|CompressionTypes|Languages|GzipIndexes|AllowInsecureRepositories|AllowWeakRepositories|AllowDowngradeToInsecureRepositories|cdrom)\b/;

export interface AptSettings {
  /** Folder of the private state; absolute. */
  readonly folder: string;
  readonly architecture: string;
  /** File of dpkg's status, absolute: what counts as installed. */
  readonly status: string;
  /** Lines taken over from the machine, as `readAcquireSettings` gives them. */
  readonly acquire: readonly string[];
}

/** The lines `Acquire::… "value";` of `apt-config dump` that a private apt takes over. */
export function readAcquireSettings(dump: string): readonly string[] {
  return dump
    .split('\n')
    .filter(
      (line) => /^Acquire::\S+ ".*";$/.test(line) && !line.endsWith(' "";') && !NOT_TAKEN_OVER.test(line),
    );
}

/**
 * apt.conf(5) for a private apt: nothing of the machine's apt is read or written, but its credentials.
 * @throws OrlopError `debian.bad-setting` for a folder whose name that file cannot hold
 */
export function formatAptConfiguration(settings: AptSettings): string {
  const { folder, architecture } = settings;
  if (/["\n]/.test(folder)) {
    throw debianError(
      'debian.bad-setting',
      `apt takes no folder with a quotation mark or a line feed: ${folder}`,
      {
        hint: 'ORLOP_HOME names another',
      },
    );
  }
  return `${[
    ...settings.acquire,
    `Dir "${folder}/";`,
    `Dir::State "${folder}/";`,
    'Dir::State::lists "lists";',
    `Dir::State::status "${settings.status}";`,
    `Dir::Cache "${folder}/cache";`,
    `Dir::Etc "${folder}/etc";`,
    'Dir::Etc::sourcelist "orlop.sources";',
    'Dir::Etc::sourceparts "-";',
    'Dir::Etc::netrc "/etc/apt/auth.conf";',
    'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    'APT::Install-Recommends "false";',
    'APT::Install-Suggests "false";',
    // apt would otherwise become the user _apt, who may not write here.
    'APT::Sandbox::User "root";',
    'APT::Get::AllowUnauthenticated "false";',
    'Acquire::AllowInsecureRepositories "false";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
  ].join('\n')}\n`;
}
