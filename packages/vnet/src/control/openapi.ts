import type { JsonSchema } from '../schema/json-schema.ts';
import type { ApiRoute } from './api-route.ts';

const ERROR: JsonSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'kind', 'message'],
      properties: {
        code: { type: 'string', description: 'stable, such as vnet.forward-exists' },
        kind: { type: 'string' },
        message: { type: 'string' },
        hint: { type: 'string', description: 'what to do about it' },
      },
    },
  },
};

/** The OpenAPI 3.1 document of a table of routes: the table is the one source of both. */
export function describeApi(title: string, routes: readonly ApiRoute[]): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    Object.assign(paths[route.path] ?? {}, { [route.method.toLowerCase()]: describeRoute(route) });
  }
  return {
    openapi: '3.1.0',
    info: { title, version: '1' },
    paths,
    components: { schemas: { Error: ERROR } },
  };
}

function describeRoute(route: ApiRoute): Readonly<Record<string, unknown>> {
  const { answerType = 'application/json', answer } = route;
  return {
    operationId: operationIdOf(route),
    summary: route.summary,
    tags: [route.tag],
    ...(route.query !== undefined && {
      parameters: Object.entries(route.query).map(([name, { description, required = false }]) => ({
        name,
        in: 'query',
        required,
        description,
        schema: { type: 'string' },
      })),
    }),
    ...(route.body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: route.body } } },
    }),
    responses: {
      '200': { description: 'done', content: { [answerType]: { schema: answer ?? {} } } },
      default: {
        description: 'why not',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

/** `GET /v1/dns/zones` is `getDnsZones`. */
function operationIdOf({ method, path }: ApiRoute): string {
  const words = path.split(/[/.]/).filter((word) => word !== '' && word !== 'v1');
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
