import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

type Json = Readonly<Record<string, unknown>>;

interface Response {
  readonly content: Readonly<Record<string, { readonly schema: Json }>>;
}

interface Described {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>
  >;
}

export interface Answered {
  readonly method: string;
  /** As the document has it, with its open segments. */
  readonly path: string;
  readonly status: number;
  /** The media type, without parameters. */
  readonly type: string;
  readonly text: string;
}

/**
 * Judges answers of a server by its OpenAPI document, with ajv. An object that has a property which its schema does not name is
 * wrong here, although JSON Schema allows it: the document is to say everything.
 */
export class DescribedApi {
  readonly #document: Described;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });

  constructor(document: unknown) {
    this.#document = closed(document) as Described;
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(this.#document as unknown as Json, 'api');
  }

  /** `METHOD /path` of everything that is described, sorted. */
  get operations(): readonly string[] {
    return Object.entries(this.#document.paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
      .sort();
  }

  /** What is wrong with an answer; empty when it is as described. */
  problemsOf({ method, path, status, type, text }: Answered): readonly string[] {
    const operation = this.#document.paths[path]?.[method.toLowerCase()];
    if (operation === undefined) return [`${method} ${path} is not described`];
    const key = String(status) in operation.responses ? String(status) : 'default';
    const content = operation.responses[key]?.content ?? {};
    if (content[type] === undefined) return [`${method} ${path} answers ${status} with ${type}`];
    if (type !== 'application/json') return [];
    const place = ['paths', path, method.toLowerCase(), 'responses', key, 'content', type, 'schema'];
    const pointer = place.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'));
    const validate = this.#ajv.compile({ $ref: `api#/${pointer.map(encodeURIComponent).join('/')}` });
    if (validate(JSON.parse(text))) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${method} ${path} ${status}: ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }
}

/** The same, with every object that names its properties allowing no others. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) copy[name] = closed(part);
  const isOpen = copy['type'] === 'object' && 'properties' in copy && !('additionalProperties' in copy);
  return isOpen ? { ...copy, additionalProperties: false } : copy;
}
