import { parseObject } from '../documents.ts';
import { ociError } from '../errors.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credentials, FindCredentials } from './credentials.ts';
import { readAll } from './read-all.ts';
import { isPassingStatus } from './retry.ts';
import type { HttpTransport } from './transport.ts';

const MAX_TOKEN_BYTES = 1 << 20;
/** Registries want to know which program asks for a token. */
const CLIENT_ID = 'orlop';

/** What one request is about. */
export interface AuthorizationScope {
  readonly url: URL;
  /** Token scopes, e.g. `repository:library/redis:pull`. */
  readonly scopes: readonly string[];
}

/**
 * Answers the challenges of registries: basic authentication, or a bearer token from the service that the
 * challenge names (distribution "Token Authentication"). Tokens are kept per origin and scope until refused.
 */
export class Authorizer {
  readonly #transport: HttpTransport;
  readonly #find: FindCredentials;
  readonly #headers = new Map<string, string>();
  readonly #outOfReach = new Map<string, Error>();

  constructor(transport: HttpTransport, find: FindCredentials) {
    this.#transport = transport;
    this.#find = find;
  }

  /** The header of an earlier, successful answer. */
  known(scope: AuthorizationScope): string | undefined {
    return this.#headers.get(cacheKey(scope));
  }

  /** Why a registry was asked anonymously, if it is a failure. */
  whyAnonymous({ url }: AuthorizationScope): Error | undefined {
    return this.#outOfReach.get(url.host);
  }

  /**
   * The header that answers a 401, or `undefined` when nothing better than the refused one is to be had.
   *
   * @throws OrlopError oci.registry-denied when the token service refuses, oci.registry-unreachable when it is busy
   */
  async answer(
    wwwAuthenticate: string,
    scope: AuthorizationScope,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const challenges = parseChallenges(wwwAuthenticate);
    const credentials = await this.#find(scope.url.host, signal);
    if (credentials?.kind === 'out-of-reach') this.#outOfReach.set(scope.url.host, credentials.why);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    let header: string | undefined;
    if (credentials?.kind === 'bearer') header = `Bearer ${credentials.token}`;
    else if (bearer !== undefined) header = await this.#token(bearer, { scope, credentials, signal });
    else if (challenges.some(({ scheme }) => scheme === 'basic') && credentials?.kind === 'password')
      header = basic(credentials);
    if (header !== undefined) this.#headers.set(cacheKey(scope), header);
    return header;
  }

  async #token(
    challenge: Challenge,
    {
      scope,
      credentials,
      signal,
    }: {
      scope: AuthorizationScope;
      credentials: Credentials | undefined;
      signal: AbortSignal | undefined;
    },
  ): Promise<string> {
    const realm = challenge.parameters.get('realm') ?? '';
    let url: URL;
    try {
      url = new URL(realm);
    } catch (cause) {
      throw ociError(
        'oci.registry-answer',
        `${scope.url.host} sends for tokens to ${JSON.stringify(realm)}, which is no address`,
        { cause },
      );
    }
    if (scope.url.protocol === 'https:' && url.protocol !== 'https:')
      throw ociError(
        'oci.registry-denied',
        `${scope.url.host} sends for tokens to ${url.origin}, where credentials would travel unencrypted`,
      );
    const service = challenge.parameters.get('service');
    const asked = challenge.parameters.get('scope');
    const scopes = scope.scopes.length > 0 ? scope.scopes : asked === undefined ? [] : [asked];
    const answer = await this.#transport.send(
      credentials?.kind === 'identity-token'
        ? refreshRequest(url, { service, scopes, token: credentials.token, signal })
        : tokenRequest(url, { service, scopes, credentials, signal }),
    );
    const bytes = await readAll(answer, MAX_TOKEN_BYTES);
    if (isPassingStatus(answer.status))
      throw ociError('oci.registry-unreachable', `${url.host} gives no token now (status ${answer.status})`);
    if (answer.status !== 200)
      throw ociError(
        'oci.registry-denied',
        `${url.host} gives no token for ${scopes.join(' ') || scope.url.host} (status ${answer.status})`,
        { hint: credentials === undefined ? 'log in with docker login' : 'check the credentials' },
      );
    const body = parseObject(bytes, `the token of ${url.host}`);
    const token = body['token'] ?? body['access_token'];
    if (typeof token !== 'string' || /[^\x21-\x7e]/.test(token))
      throw ociError('oci.registry-answer', `${url.host} answers without a usable token`);
    return `Bearer ${token}`;
  }
}

interface TokenQuery {
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly signal: AbortSignal | undefined;
}

function tokenRequest(url: URL, query: TokenQuery & { credentials: Credentials | undefined }) {
  const target = new URL(url);
  if (query.service !== undefined) target.searchParams.set('service', query.service);
  for (const scope of query.scopes) target.searchParams.append('scope', scope);
  const { credentials } = query;
  return {
    method: 'GET',
    url: target,
    headers: credentials?.kind === 'password' ? { authorization: basic(credentials) } : {},
    signal: query.signal,
  };
}

/** distribution "Token Authentication: OAuth2", grant type refresh_token. */
function refreshRequest(url: URL, query: TokenQuery & { token: string }) {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: query.token,
    client_id: CLIENT_ID,
    ...(query.service !== undefined && { service: query.service }),
    ...(query.scopes.length > 0 && { scope: query.scopes.join(' ') }),
  });
  const bytes = new TextEncoder().encode(form.toString());
  return {
    method: 'POST',
    url,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(bytes.length),
    },
    body: async function* () {
      yield bytes;
    },
    signal: query.signal,
  };
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function cacheKey({ url, scopes }: AuthorizationScope): string {
  return `${url.origin} ${scopes.join(' ')}`;
}
