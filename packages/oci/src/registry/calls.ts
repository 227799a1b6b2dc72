import { ociError } from '../errors.ts';
import type { Reference } from '../reference.ts';
import { Authorizer } from './authorizer.ts';
import type { FindCredentials } from './credentials.ts';
import { apiHost, isLoopback } from './endpoints.ts';
import { isPassingError, isPassingStatus, Retry, type RetryPolicy } from './retry.ts';
import type { Source } from './sources.ts';
import { type HttpRequest, type HttpResponse, HttpTransport, type TransportOptions } from './transport.ts';

export interface CallOptions extends TransportOptions {
  /** @default anonymous */
  readonly credentials?: FindCredentials;
  readonly retry?: RetryPolicy;
}

export type Action = 'pull' | 'push';
export type Repository = Pick<Reference, 'domain' | 'repository'>;

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface Call extends Omit<HttpRequest, 'url'> {
  /** Below `/v2/REPOSITORY/`, or a whole URL that the registry gave. */
  readonly path: string | URL;
  readonly repository: Repository;
  readonly action: Action;
  /** A further repository that is read, for a mount. */
  readonly from?: string | undefined;
  /** @default the registry itself */
  readonly source?: Source;
}

/** There is somebody else to ask, so a mirror that fails is not waited for. */
const MIRROR_RETRIES: RetryPolicy = { retries: 1 };

/** Requests to a repository of a registry or of its mirror, with the authorization that they want. */
export class RegistryCalls {
  readonly #transport: HttpTransport;
  readonly #authorizer: Authorizer;
  readonly #retry: RetryPolicy;
  readonly #origins = new Map<string, Promise<string>>();

  constructor(options: CallOptions) {
    this.#transport = new HttpTransport(options);
    this.#authorizer = new Authorizer(this.#transport, options.credentials ?? (async () => undefined));
    this.#retry = options.retry ?? {};
  }

  /** Ends idle connections. */
  close(): void {
    this.#transport.close();
  }

  /**
   * The answer, whatever its status; a challenge is answered, and what may pass is tried again.
   * @throws OrlopError oci.registry-denied and those of the transport
   */
  async send(call: Call): Promise<HttpResponse> {
    const { repository, action, source, signal } = call;
    const retry = new Retry(source === undefined ? this.#retry : { ...this.#retry, ...MIRROR_RETRIES });
    const scopes = [`repository:${repository.repository}:${action === 'push' ? 'pull,push' : 'pull'}`];
    if (call.from !== undefined) scopes.push(`repository:${call.from}:pull`);
    let challenged = false;
    for (;;) {
      let answer: HttpResponse;
      try {
        const base = await this.#base(repository.domain, source, signal);
        const url =
          call.path instanceof URL ? call.path : new URL(`${base}/v2/${repository.repository}/${call.path}`);
        const scope = { url: new URL(base), scopes };
        // An upload may have been sent to another host, whose address is its own authorization.
        const authorization = url.origin === scope.url.origin ? this.#authorizer.known(scope) : undefined;
        answer = await this.#transport.send({
          ...call,
          url,
          headers: { ...call.headers, ...(authorization !== undefined && { authorization }) },
        });
        const asked = answer.headers['www-authenticate'];
        if (answer.status === 401 && asked !== undefined && !challenged && url.origin === scope.url.origin) {
          answer.drop();
          const better = await this.#authorizer.answer(asked, scope, signal);
          challenged = true;
          if (better !== undefined) continue;
          throw (
            this.#authorizer.whyAnonymous(scope) ??
            denied(repository, 'it wants credentials, and there are none for it')
          );
        }
        const why = this.#authorizer.whyAnonymous(scope);
        if ((answer.status === 401 || answer.status === 403) && why !== undefined) {
          answer.drop();
          throw why;
        }
      } catch (error) {
        if (isPassingError(error) && (await retry.again({ signal }))) continue;
        throw error;
      }
      if (!isPassingStatus(answer.status)) return answer;
      const retryAfter = answer.headers['retry-after'];
      if (!(await retry.again({ retryAfter, signal }))) return answer;
      answer.drop();
    }
  }

  /** Scheme, host and path prefix. Of a registry on this machine it is found out whether it speaks HTTPS. */
  async #base(domain: string, source: Source, signal: AbortSignal | undefined): Promise<string> {
    if (source !== undefined) return source.url.href.replace(/\/+$/, '');
    const host = apiHost(domain);
    if (!isLoopback(host)) return `https://${host}`;
    const known = this.#origins.get(host);
    if (known !== undefined) return known;
    const found = this.#probe(host, signal);
    this.#origins.set(host, found);
    found.catch(() => this.#origins.delete(host));
    return found;
  }

  async #probe(host: string, signal: AbortSignal | undefined): Promise<string> {
    try {
      (await this.#transport.send({ method: 'GET', url: new URL(`https://${host}/v2/`), signal })).drop();
      return `https://${host}`;
    } catch (error) {
      if (!isPassingError(error)) throw error;
      (await this.#transport.send({ method: 'GET', url: new URL(`http://${host}/v2/`), signal })).drop();
      return `http://${host}`;
    }
  }
}

function denied({ domain, repository }: Repository, why: string): Error {
  return ociError('oci.registry-denied', `${domain} does not let you at ${repository}: ${why}`, {
    hint: `log in with docker login ${domain}; some registries answer so for a repository that does not exist`,
  });
}
