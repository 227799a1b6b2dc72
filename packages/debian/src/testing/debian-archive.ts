import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DebianArchive } from '../apt/machine.ts';

/** A package to put into the archive. */
export interface NewPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly depends?: string;
  /** Contents by path; a path that ends in a slash is a folder. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * An archive of Debian packages in a folder, with indexes signed by a key of its own: what apt fetches without
 * any network.
 */
export class TestArchive implements DebianArchive {
  readonly folder: string;
  readonly keyring: string;
  readonly acquire: readonly string[] = [];
  readonly #packages: NewPackage[] = [];

  /** Makes the key; GnuPG's agent runs until `close`. */
  constructor(folder: string) {
    this.folder = folder;
    this.keyring = join(folder, 'keys.gpg');
    mkdirSync(join(folder, 'gnupg'), { recursive: true, mode: 0o700 });
    mkdirSync(join(folder, 'pool'), { recursive: true });
    this.#gpg(['--passphrase', '', '--quick-generate-key', 'Test archive', 'ed25519', 'sign', 'never']);
    writeFileSync(this.keyring, this.#gpg(['--export']));
  }

  close(): void {
    execFileSync('gpgconf', ['--homedir', join(this.folder, 'gnupg'), '--kill', 'all']);
  }

  sourcesFor(suite: string) {
    return [{ uris: [`copy:${this.folder}`], suites: [suite], components: ['main'] }];
  }

  /** Where a package's file is. */
  file(entry: NewPackage): string {
    return join(this.folder, 'pool', `${entry.name}_${entry.version}_${entry.architecture}.deb`);
  }

  add(entry: NewPackage): void {
    const root = join(this.folder, 'build', `${entry.name}-${entry.version}-${entry.architecture}`);
    for (const [path, text] of Object.entries(entry.files)) {
      const at = join(root, path);
      mkdirSync(path.endsWith('/') ? at : dirname(at), { recursive: true });
      if (!path.endsWith('/')) writeFileSync(at, text, { mode: 0o755 });
    }
    mkdirSync(join(root, 'DEBIAN'), { recursive: true });
    writeFileSync(join(root, 'DEBIAN', 'control'), control(entry));
    execFileSync('dpkg-deb', ['--root-owner-group', '--build', root, this.file(entry)], {
      env: { ...process.env, SOURCE_DATE_EPOCH: '1000000000' },
    });
    this.#packages.push(entry);
  }

  /** Writes and signs the indexes of a suite. */
  publish(suite: string, architectures: readonly string[]): void {
    const indexes = architectures.map((architecture) => {
      const path = `main/binary-${architecture}/Packages`;
      const text = this.#packages
        .filter((entry) => entry.architecture === architecture || entry.architecture === 'all')
        .map((entry) => {
          const bytes = readFileSync(this.file(entry));
          const place = `Filename: ${this.file(entry).slice(this.folder.length + 1)}`;
          return `${control(entry)}${place}\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}\n`;
        })
        .join('\n');
      mkdirSync(join(this.folder, 'dists', suite, dirname(path)), { recursive: true });
      writeFileSync(join(this.folder, 'dists', suite, path), text);
      return ` ${sha256(text)} ${Buffer.byteLength(text)} ${path}\n`;
    });
    const release = `Suite: ${suite}\nCodename: ${suite}\nArchitectures: ${architectures.join(' ')}\nComponents: main\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n${indexes.join('')}`;
    const file = join(this.folder, 'dists', suite, 'InRelease');
    writeFileSync(file, this.#gpg(['--clearsign'], release));
  }

  #gpg(args: readonly string[], input?: string): Buffer {
    return execFileSync('gpg', ['--homedir', join(this.folder, 'gnupg'), '--batch', '--quiet', ...args], {
      stdio: ['pipe', 'pipe', 'ignore'],
      ...(input === undefined ? {} : { input }),
    });
  }
}

function control(entry: NewPackage): string {
  const depends = entry.depends === undefined ? '' : `Depends: ${entry.depends}\n`;
  return `Package: ${entry.name}\nVersion: ${entry.version}\nArchitecture: ${entry.architecture}\nMaintainer: Test <t@example>\n${depends}Description: for a test\n`;
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
