/** A home of the bench's own with one engine, and the programs that a user has. Whatever is under way ends with `signal`. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const checkout = resolve(import.meta.dirname, '../..');
const program = join(checkout, 'dist', 'orlop.mjs');

export class BenchHome {
  path = mkdtempSync(join(tmpdir(), 'orlop-bench-engine-'));
  share = join(this.path, 'share');
  /** QEMU and virtiofsd run in this folder. */
  machine = join(this.path, 'machines', 'engine-default');
  env = {
    ...process.env,
    ORLOP_HOME: this.path,
    ORLOP_CACHE:
      process.env.ORLOP_CACHE ?? join(process.env.ORLOP_HOME ?? join(homedir(), '.orlop'), 'cache'),
    DOCKER_CONFIG: join(this.path, 'docker'),
    DOCKER_HOST: `unix://${this.path}/engine/default/docker.sock`,
  };
  #signal;

  constructor(signal) {
    this.#signal = signal;
  }

  /** Builds the program where it is out of date. */
  build = () => this.run(join(checkout, 'orlop'), 'version');

  orlop = (...words) => this.run(process.execPath, program, ...words);

  docker = (...words) => this.run('docker', ...words);

  run = async (command, ...words) =>
    (
      await run(command, words, {
        env: this.env,
        timeout: 900_000,
        maxBuffer: 64 << 20,
        signal: this.#signal,
      })
    ).stdout;

  status = async () => JSON.parse(await this.orlop('status', '--json'))[0];

  daemonPid = () => JSON.parse(readFileSync(join(this.path, 'daemon', 'identity.json'), 'utf8')).pid;

  /** An image for containers out of a component's folder. */
  async load(folder, name) {
    const archive = join(this.path, `${name}.tar`);
    await this.orlop('pkg', 'build', folder);
    await this.orlop('cache', 'export', '--format', 'docker', '--outfile', archive, `orlop/${name}`);
    await this.docker('load', '-i', archive);
    rmSync(archive);
  }

  loadBusybox = () => this.load(join(checkout, 'pkg', 'busybox'), 'busybox');

  /** Ends everything and leaves nothing, whether it was interrupted or not. */
  async close() {
    // The engine's end may be under way already, asked for by what was interrupted.
    const words = [program, 'down', '--all'];
    await run(process.execPath, words, { env: this.env, timeout: 180_000 }).catch((error) => {
      console.error(`the engine was not ended in order: ${error.message}`);
    });
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

export async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

export async function timed(work) {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

/** A shell's words that do one thing, and print how many hundredths of a second it took. */
export const timedInShell = (work) =>
  `t() { read up _ </proc/uptime; echo \${up%.*}\${up#*.}; }; a=$(t); ${work}; b=$(t); echo $((b-a))`;
