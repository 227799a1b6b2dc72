import { type ErrorKind, type Logger, OrlopError } from '@orlop/core';
import type { ApiAnswer } from './api-route.ts';

export const HTTP_STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  'not-found': 404,
  conflict: 409,
  integrity: 422,
  denied: 403,
  unavailable: 503,
  timeout: 504,
  cancelled: 499,
  failed: 500,
};

/** Failures as the network's own API tells them: code, kind, message and hint. */
export function jsonErrors(logger: Logger): (error: unknown) => ApiAnswer {
  return (error) => {
    if (error instanceof OrlopError) {
      const { code, kind, message, hint } = error;
      const told = { code, kind, message, ...(hint !== undefined && { hint }) };
      return { kind: 'json', status: HTTP_STATUS[kind], value: { error: told } };
    }
    logger.error('a request of the control socket failed', { error: String(error) });
    const told = { code: 'vnet.bug', kind: 'failed', message: String(error) };
    return { kind: 'json', status: 500, value: { error: told } };
  };
}

/** Failures as a line of text: what gvproxy's clients print. */
export function textErrors(error: unknown): ApiAnswer {
  if (!(error instanceof OrlopError)) return { kind: 'text', status: 500, text: `${String(error)}\n` };
  const status = error.kind === 'invalid' ? 400 : error.code === 'vnet.request-unknown' ? 404 : 500;
  return { kind: 'text', status, text: `${error.message}\n` };
}

/** The same in the words of Go's HTTP server, for an address that nobody answers at. */
export function goTextErrors(error: unknown): ApiAnswer {
  return error instanceof OrlopError && error.code === 'vnet.request-unknown'
    ? { kind: 'text', status: 404, text: '404 page not found\n' }
    : textErrors(error);
}

/** Failures as VPNKit's clients show them to their users: `message` of an answer with status 400. */
export function vpnkitErrors(error: unknown): ApiAnswer {
  if (!(error instanceof OrlopError)) return { kind: 'json', status: 500, value: { message: String(error) } };
  const status = error.code === 'vnet.request-unknown' ? 404 : 400;
  return { kind: 'json', status, value: { message: error.message } };
}
