import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '@orlop/core';
import { vnetError } from '../errors.ts';
import { clearSocketPath } from '../host/socket-path.ts';
import type { Scheduler } from '../scheduler.ts';

export interface SshForwardSpec {
  /** Where the host listens. */
  readonly path: string;
  /** The socket inside the guest. */
  readonly destination: string;
  readonly user: string;
  /** The file of the private key. */
  readonly identity: string;
}

export interface SshForwardParts {
  /** A port of the host's loopback that leads to the guest's sshd. */
  readonly sshPort: number;
  /** A path in a folder of the user's own, where the SSH client listens. */
  readonly tunnelPath: string;
  readonly scheduler: Pick<Scheduler, 'after'>;
  readonly logger: Logger;
  /** @default 'ssh' */
  readonly program?: string;
}

/** A guest boots for seconds, and each attempt is a process. */
const RETRY_MS = 1000;
/** Looking for the client's socket costs nothing. */
const LOOK_MS = 100;
/** Of connections, open or waiting for the guest's sshd. */
const MAX_CONNECTIONS = 256;

/**
 * A unix socket of the host that leads to one inside a guest over SSH, as gvproxy's `-forward-sock`. It listens at
 * once; who connects before the guest's sshd answers waits for it. OpenSSH's client speaks the protocol: one process,
 * started again when it ends.
 */
export class SshForward {
  readonly #spec: SshForwardSpec;
  readonly #parts: SshForwardParts;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #client: ChildProcess | undefined;
  #closed = false;
  /** Of the client's last end: the same again and again is one line of the log. */
  #lastReason: string | undefined;

  constructor(spec: SshForwardSpec, parts: SshForwardParts) {
    this.#spec = spec;
    this.#parts = parts;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      this.#own(socket);
      this.#carry(socket);
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** A socket that nobody answers on is replaced. @throws OrlopError `vnet.listen-failed` */
  async start(): Promise<void> {
    const { path } = this.#spec;
    await clearSocketPath(path);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(vnetError('vnet.listen-failed', `cannot listen on ${path}`, { cause }));
      });
      this.#server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
    this.#startClient();
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#client?.kill();
    rmSync(this.#parts.tunnelPath, { force: true });
  }

  #own(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // What fails is closed, and by that its other side.
    socket.on('error', () => {});
  }

  #startClient(): void {
    const { logger, program = 'ssh' } = this.#parts;
    const client = spawn(program, this.#arguments(), { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#client = client;
    let said = '';
    client.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-1000);
    });
    client.once('error', (error) => {
      logger.error('the SSH client does not start', { program, error: error.message });
      this.#restartClient();
    });
    client.once('exit', (status) => {
      if (this.#closed) return;
      const reason = said.trim();
      if (reason !== this.#lastReason)
        logger.debug('the SSH client ended', { status: String(status), reason });
      this.#lastReason = reason;
      this.#restartClient();
    });
  }

  #restartClient(): void {
    this.#parts.scheduler.after(RETRY_MS, () => {
      if (!this.#closed) this.#startClient();
    });
  }

  /** The guest is made anew with each image, and the way to it does not leave this machine: its host key says nothing. */
  #arguments(): string[] {
    const { destination, user, identity } = this.#spec;
    const { sshPort, tunnelPath } = this.#parts;
    const settings = {
      BatchMode: 'yes',
      ConnectTimeout: '10',
      ExitOnForwardFailure: 'yes',
      IdentitiesOnly: 'yes',
      LogLevel: 'ERROR',
      ServerAliveInterval: '15',
      StreamLocalBindUnlink: 'yes',
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
    };
    return [
      ...['-N', '-F', 'none', '-i', identity, '-p', String(sshPort), '-l', user],
      ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
      ...['-L', `${tunnelPath}:${destination}`, '127.0.0.1'],
    ];
  }

  /** Tries the client's socket until it is there. */
  #carry(socket: Socket): void {
    const tunnel = connect({ path: this.#parts.tunnelPath, allowHalfOpen: true });
    const retry = () => {
      this.#parts.scheduler.after(LOOK_MS, () => {
        if (!socket.destroyed) this.#carry(socket);
      });
    };
    tunnel.once('error', retry);
    tunnel.once('connect', () => {
      tunnel.off('error', retry);
      this.#own(tunnel);
      if (socket.destroyed) {
        tunnel.destroy();
        return;
      }
      socket.once('close', () => tunnel.destroy());
      tunnel.once('close', () => socket.destroy());
      socket.pipe(tunnel);
      tunnel.pipe(socket);
    });
  }
}
