import type { JsonSchema } from '../schema/json-schema.ts';

export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  /** Parsed JSON, or undefined where there is none. */
  readonly body: unknown;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** What a route answers with; the server writes it. */
export type ApiAnswer =
  | { readonly kind: 'json'; readonly value: unknown; readonly status?: number }
  | { readonly kind: 'text'; readonly text: string; readonly contentType?: string; readonly status?: number }
  | { readonly kind: 'stream'; readonly chunks: AsyncIterable<Uint8Array>; readonly contentType: string };

/** One route of an HTTP API: what it does, and its description for OpenAPI. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** One line, in the imperative. */
  readonly summary: string;
  readonly tag: string;
  readonly query?: Readonly<Record<string, QueryParameter>>;
  /** A JSON body that is not as described is turned down before `handle`. @default no body is read */
  readonly body?: JsonSchema;
  /** Of the JSON answer. @default `answerType` */
  readonly answer?: JsonSchema;
  /** @default 'application/json' */
  readonly answerType?: string;
  handle(request: ApiRequest): ApiAnswer | Promise<ApiAnswer>;
}

export interface QueryParameter {
  readonly description: string;
  /** @default false */
  readonly required?: boolean;
}

export function json(value: unknown): ApiAnswer {
  return { kind: 'json', value: value ?? {} };
}
