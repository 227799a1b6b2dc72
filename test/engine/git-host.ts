import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { run } from './engine-under-test.ts';

/** A git repository on the host's loopback, as any web server has one: `main.git`, with `part.git` as its submodule `part`. */
export class GitHost {
  readonly #folder: string;
  readonly #server: Server;

  constructor(folder: string) {
    this.#folder = folder;
    this.#server = createServer(async ({ url = '/' }, response) => {
      const { pathname } = new URL(url, 'http://host');
      const content = await readFile(join(folder, pathname)).catch(() => undefined);
      response.writeHead(content === undefined ? 404 : 200).end(content);
    });
  }

  /** Where a container finds it. */
  url(repository: string): string {
    return `http://host.docker.internal:${(this.#server.address() as AddressInfo).port}/${repository}`;
  }

  /** @param files of `main.git`, by name; made when the address is known */
  async open(files: () => Readonly<Record<string, string>>): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const part = await this.#commit('part', { 'in-part': 'of the submodule\n' });
    const modules = `[submodule "part"]\n\tpath = part\n\turl = ${this.url('part.git')}\n`;
    await this.#commit('main', { ...files(), '.gitmodules': modules }, part);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** @returns the commit */
  async #commit(name: string, files: Readonly<Record<string, string>>, part?: string): Promise<string> {
    const work = join(this.#folder, name);
    const git = async (...words: string[]) => {
      const author = ['-c', 'user.name=orlop', '-c', 'user.email=orlop@example'];
      return (await run('git', [...author, ...words], { cwd: work })).stdout.trim();
    };
    await mkdir(work, { recursive: true });
    await git('init', '--quiet', '--initial-branch', 'main');
    for (const [path, content] of Object.entries(files)) await writeFile(join(work, path), content);
    await git('add', '.');
    if (part !== undefined) await git('update-index', '--add', '--cacheinfo', `160000,${part},part`);
    await git('commit', '--quiet', '--message', name);
    await git('clone', '--quiet', '--bare', '.', join(this.#folder, `${name}.git`));
    // What a server needs that knows nothing of git.
    await git('--git-dir', join(this.#folder, `${name}.git`), 'update-server-info');
    return git('rev-parse', 'HEAD');
  }
}
