import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const source = (name: string) => fileURLToPath(new URL(`../../../pkg/docker/${name}`, import.meta.url));
const multi = '/usr/sbin/xtables-nft-multi';
/** A network namespace of its own, with tables that nobody else has. */
const isolated = existsSync(multi)
  ? await run('unshare', ['-n', multi, 'iptables', '-t', 'nat', '-S']).then(
      () => true,
      () => false,
    )
  : false;

/** What dockerd 26.1 asks for at a start with a network from before, which it removes and makes anew. */
const started = `
-L -n
-t filter -C FORWARD -j DOCKER-ISOLATION
-t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -D PREROUTING
-t nat -F DOCKER
-t nat -X DOCKER
-t nat -n -L DOCKER
-t nat -N DOCKER
-t filter -n -L DOCKER
-t filter -N DOCKER
-t filter -N DOCKER-ISOLATION-STAGE-1
-t filter -N DOCKER-ISOLATION-STAGE-2
-t filter -C DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-t nat -C POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-t nat -I POSTROUTING -m addrtype --src-type LOCAL -o docker0 -j MASQUERADE
-t filter -I FORWARD -i docker0 -o docker0 -j ACCEPT
-t filter -I FORWARD -i docker0 ! -o docker0 -j ACCEPT
-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
-t filter -C FORWARD -o docker0 -j DOCKER
-I FORWARD -o docker0 -j DOCKER
-I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-I FORWARD -j DOCKER-ISOLATION-STAGE-1
-t filter -I DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-t filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-t nat -D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-t nat -C POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-t filter -D FORWARD -i docker0 -o docker0 -j ACCEPT
-t filter -D FORWARD -i docker0 -o docker0 -j ACCEPT
-t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-t filter -I FORWARD -i docker0 -o docker0 -j ACCEPT
-t filter -C FORWARD -j DOCKER-ISOLATION-STAGE-1
-D FORWARD -j DOCKER-ISOLATION-STAGE-1
-I FORWARD -j DOCKER-ISOLATION-STAGE-1
-t filter -N OLD
-A OLD -j RETURN
-t filter -F OLD
-t filter -X OLD
-t filter -N OLD
-t filter -X OLD
-t filter -N DOCKER-USER
-t filter -N DOCKER-USER
-A DOCKER-USER -j RETURN
-t filter -C FORWARD -j DOCKER-USER
-I FORWARD -j DOCKER-USER`;

/** And what follows of a container with a published port, and a chain that is not there. */
const container = `
-t nat -A DOCKER -p tcp -d 0/0 --dport 8080 -j DNAT --to-destination 172.17.0.2:80 ! -i docker0
-t filter -A DOCKER ! -i docker0 -o docker0 -p tcp -d 172.17.0.2 --dport 80 -j ACCEPT
-t nat -A POSTROUTING -p tcp -s 172.17.0.2 -d 172.17.0.2 --dport 80 -j MASQUERADE
-t filter -n -L GONE
-t filter -C FORWARD -j DOCKER-USER`;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orlop-iptables-'));
  await mkdir(join(folder, 'iptables'));
  const script = async (name: string) =>
    (await readFile(source(name), 'utf8'))
      .replaceAll('/run/engine/', `${folder}/`)
      .replaceAll('/usr/sbin/iptables', join(folder, 'bin', 'iptables'))
      .replaceAll('/usr/libexec/engine-publish', join(folder, 'publish'))
      .replaceAll('/var/lib/docker/containers', join(folder, 'containers'))
      .replace('#!/bin/sh', `#!/bin/dash\nPATH=${folder}/bin:$PATH`);
  await writeFile(join(folder, 'front'), await script('engine-iptables'), { mode: 0o755 });
  await writeFile(join(folder, 'publish'), await script('engine-publish'), { mode: 0o755 });
  await writeFile(join(folder, 'agent'), '2373\nt0ken\n192.0.2.1\n');
  await mkdir(join(folder, 'bin'));
  // The host, which gives everything but one port.
  const host = `#!/bin/dash\nread line; echo "$* $line" >>${folder}/asked
case "$line" in *" 32768") echo 'Bind for 0.0.0.0:32768 failed: port is already allocated' ;; *) echo ok ;; esac\n`;
  await writeFile(join(folder, 'bin', 'nc'), host, { mode: 0o755 });
  await symlink('../front', join(folder, 'bin', 'iptables'));
  // The front makes its own link by the program's bare name.
  await symlink(multi, join(folder, 'bin', 'xtables-nft-multi'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs every line, in a namespace of its own; the exit status of each, and the tables that come of it. */
async function ask(command: string, lines: string): Promise<{ statuses: string[]; tables: string }> {
  const words = lines
    .trim()
    .split('\n')
    .map((line) => `${command} --wait ${line} >/dev/null 2>&1; echo "$? ${line}"`);
  const script = [...words, 'echo ==', `${multi} iptables-save`].join('\n');
  const { stdout } = await run('unshare', ['-n', 'dash', '-c', script]);
  const [statuses = '', tables = ''] = stdout.split('==\n');
  // What a program says of a failure is not looked at, only whether it failed.
  const failed = statuses
    .trim()
    .split('\n')
    .map((line) => line.replace(/^[1-9]\d* /, 'no '));
  return { statuses: failed, tables: tables.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '[0:0]') };
}

const real = `${multi} iptables`;

describe.skipIf(!isolated)('engine-iptables (skipped without iptables and a network namespace)', () => {
  it('answers what iptables answers, and leaves the tables that iptables leaves', async () => {
    const front = await ask(join(folder, 'bin', 'iptables'), started);
    const judge = await ask(real, started);
    expect(front.statuses).toEqual(judge.statuses);
    expect(front.tables).toBe(judge.tables);
    expect(front.tables).toContain('-A FORWARD -j DOCKER-USER');
  });

  it('steps aside once the networks are there, for rules that it never sees', async () => {
    const front = await ask(join(folder, 'bin', 'iptables'), started + container);
    const judge = await ask(real, started + container);
    expect(front).toEqual(judge);
    expect(front.tables).toContain('--to-destination 172.17.0.2:80');
  });

  it('loads what it has before whatever it does not know', async () => {
    const lines = '-t nat -N DOCKER\n-t mangle -A FORWARD -j ACCEPT\n-t nat -n -L DOCKER';
    expect(await ask(join(folder, 'bin', 'iptables'), lines)).toEqual(await ask(real, lines));
  });

  it('keeps nothing back when the machine tells it to load', async () => {
    const lines = '-t filter -N DOCKER-USER\n-P FORWARD DROP';
    const { tables } = await ask(join(folder, 'bin', 'iptables'), lines);
    expect(tables).not.toContain('DOCKER-USER');
    const script = `${join(folder, 'front')} load; ${multi} iptables-save`;
    const { stdout } = await run('unshare', ['-n', 'dash', '-c', script]);
    expect(stdout).toContain(':DOCKER-USER - [0:0]');
    expect(stdout).toContain(':FORWARD DROP [0:0]');
  });

  it('asks the host before a port is published that no container names, and refuses what the host refuses', async () => {
    await mkdir(join(folder, 'containers', 'web'), { recursive: true });
    const named = '{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}}';
    await writeFile(join(folder, 'containers', 'web', 'hostconfig.json'), named);
    const publish = (port: number, address = '0/0', protocol = 'tcp') =>
      `-t nat -A DOCKER -p ${protocol} -d ${address} --dport ${port} -j DNAT --to-destination 172.17.0.2:80 ! -i docker0`;
    const lines = [
      '-t nat -N DOCKER',
      publish(32_768),
      publish(32_769),
      publish(8080),
      publish(32_770, '127.0.0.1', 'udp'),
    ];
    const { statuses, tables } = await ask(join(folder, 'publish'), lines.join('\n'));
    expect(statuses.map((line) => line.split(' ')[0])).toEqual(['0', 'no', '0', '0', '0']);
    expect(tables).not.toContain('--dport 32768');
    for (const port of [32_769, 8080, 32_770]) expect(tables).toContain(`--dport ${port} -j DNAT`);
    expect((await readFile(join(folder, 'asked'), 'utf8')).split('\n').slice(0, 3)).toEqual([
      '-w 3 192.0.2.1 5001 t0ken tcp 0.0.0.0 32768',
      '-w 3 192.0.2.1 5001 t0ken tcp 0.0.0.0 32769',
      '-w 3 192.0.2.1 5001 t0ken udp 127.0.0.1 32770',
    ]);
  });
});
