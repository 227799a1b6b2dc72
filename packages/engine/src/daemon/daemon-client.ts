import { request as httpRequest } from 'node:http';
import { DaemonClient, type Transport } from '@orlop/api';
import { engineError } from '../errors.ts';

/** Requests over a unix socket. A daemon that does not answer is `daemon.not-running`. */
export function unixTransport(socketPath: string): Transport {
  return ({ method, path, body, signal }) =>
    new Promise((resolve, reject) => {
      const request = httpRequest({
        socketPath,
        method,
        path,
        agent: false,
        // Node says a body's length by itself, but not of a DELETE.
        headers:
          body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        ...(signal !== undefined && { signal }),
      });
      request.once('response', (answer) => resolve({ status: answer.statusCode ?? 0, body: answer }));
      request.once('error', (error: NodeJS.ErrnoException) => {
        if (signal?.aborted === true) {
          reject(signal.reason);
          return;
        }
        const away = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
        const message = away ? 'the daemon does not run' : 'the daemon broke off';
        reject(
          engineError('daemon.not-running', message, {
            cause: error,
            hint: '`orlop up` starts it; its log is daemon/log in the state folder',
          }),
        );
      });
      request.end(body);
    });
}

export function connectDaemon(socketPath: string): DaemonClient {
  return new DaemonClient(unixTransport(socketPath));
}
