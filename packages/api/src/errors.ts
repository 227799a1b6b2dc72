import { defineErrors, type ErrorKind, OrlopError } from '@orlop/core';
import type { ApiErrorBody } from './states.ts';

export const apiError = defineErrors({
  'api.bad-answer': 'failed',
  'api.bad-request': 'invalid',
  'api.unknown-route': 'not-found',
});

/** HTTP statuses of the kinds of failures. */
export const httpStatus: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  denied: 403,
  'not-found': 404,
  conflict: 409,
  integrity: 422,
  cancelled: 499,
  failed: 500,
  unavailable: 503,
  timeout: 504,
};

/** An error as the daemon answers it: its kind gives the status; what is no OrlopError is a bug, and 500. */
export function encodeError(error: unknown): { readonly status: number; readonly body: ApiErrorBody } {
  if (!(error instanceof OrlopError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { status: 500, body: { code: 'daemon.bug', kind: 'failed', message } };
  }
  const { code, kind, message, hint, problems } = error;
  const because = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return {
    status: httpStatus[kind],
    body: {
      code,
      kind,
      message: `${message}${because}`,
      ...(hint !== undefined && { hint }),
      ...(problems.length > 0 && { problems }),
    },
  };
}

/** The failure that a body tells of, as if it had happened here. */
export function decodeError(body: unknown): OrlopError {
  if (typeof body !== 'object' || body === null || !('error' in body)) {
    return apiError('api.bad-answer', 'the daemon answered with an error that cannot be read');
  }
  const { code, kind, message, hint, problems } = body.error as ApiErrorBody;
  return new OrlopError(code, kind in httpStatus ? (kind as ErrorKind) : 'failed', message, {
    ...(hint !== undefined && { hint }),
    ...(problems !== undefined && { problems }),
  });
}
