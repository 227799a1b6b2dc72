import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@orlop/core';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeScheduler } from '../node-scheduler.ts';
import { SshForward } from './ssh-forward.ts';

describe('SshForward', () => {
  let folder: TemporaryFolder;
  let forward: SshForward;
  let sshd: ChildProcess | undefined;
  // Below those that Linux gives to whoever asks for any.
  const sshPort = 20_000 + (process.pid % 10_000);
  const path = (name: string) => join(folder.path, name);
  /** Says `text` to the forward and gives what comes back until both sides ended. */
  const say = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ path: path('api.sock'), allowHalfOpen: true });
      let heard = '';
      socket.on('data', (chunk) => {
        heard += String(chunk);
      });
      socket.on('end', () => resolve(heard));
      socket.on('error', reject);
      socket.end(text);
    });
  const startSshd = () => {
    const settings = {
      ListenAddress: '127.0.0.1',
      HostKey: path('key'),
      AuthorizedKeysFile: path('key.pub'),
      StrictModes: 'no',
      UsePAM: 'no',
      PidFile: 'none',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return spawn('/usr/sbin/sshd', ['-D', '-e', '-f', '/dev/null', '-p', String(sshPort), ...options], {
      stdio: 'ignore',
    });
  };

  beforeAll(async () => {
    folder = await temporaryFolder('ssh-forward');
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path('key')]);
    // The service in the guest: gives back what it heard, when its client has ended.
    const service = createServer({ allowHalfOpen: true }, (socket) => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('end', () => socket.end(Buffer.concat(chunks).toString().toUpperCase()));
    });
    await new Promise<void>((resolve) => service.listen(path('service.sock'), resolve));
    service.unref();
    const spec = { path: path('api.sock'), destination: path('service.sock'), identity: path('key') };
    forward = new SshForward(
      { ...spec, user: userInfo().username },
      { sshPort, tunnelPath: path('tunnel'), scheduler: nodeScheduler, logger: silentLogger },
    );
    await forward.start();
  });

  afterAll(async () => {
    forward.close();
    sshd?.kill();
    await folder.remove();
  });

  it('keeps who comes before the guest’s sshd, and carries each direction to its own end', async () => {
    const early = say('before sshd');
    sshd = startSshd();
    expect(await early).toBe('BEFORE SSHD');
    expect(await Promise.all(['one', 'two', 'three'].map(say))).toEqual(['ONE', 'TWO', 'THREE']);
  });

  it('is back when the guest’s sshd was away', async () => {
    const ended = once(sshd as ChildProcess, 'exit');
    sshd?.kill();
    await ended;
    // Its sessions are processes of their own; they end with this one's client.
    sshd = startSshd();
    expect(await say('again')).toBe('AGAIN');
  });

  it('leaves no socket behind', () => {
    forward.close();
    expect([path('api.sock'), path('tunnel')].filter((one) => existsSync(one))).toEqual([]);
  });
});
