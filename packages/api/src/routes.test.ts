import { describe, expect, it } from 'vitest';
import { describeApi } from './openapi.ts';
import { fillPath, matchRoute, routes } from './routes.ts';

describe('matchRoute', () => {
  it('finds every route of the table by its own path', () => {
    for (const [operation, route] of Object.entries(routes)) {
      const path = fillPath(route.path, { name: 'dev', snapshot: 'one', sync: 'two' });
      expect(matchRoute(route.method, path)).toEqual({
        operation,
        params: {
          ...(route.path.includes('{name}') && { name: 'dev' }),
          ...(route.path.includes('{snapshot}') && { snapshot: 'one' }),
          ...(route.path.includes('{sync}') && { sync: 'two' }),
        },
      });
    }
  });

  it.each([
    ['GET', '/v1/nothing'],
    ['DELETE', '/v1/status'],
    ['GET', '/v1/engines/'],
    ['GET', '/v1/engines/a/b/c'],
    ['GET', ''],
  ])('knows no %s %s', (method, path) => {
    expect(matchRoute(method, path)).toBeUndefined();
  });

  it('gives names back as they were before fillPath', () => {
    const path = fillPath('/v1/engines/{name}', { name: 'a/b ü%' });
    expect(matchRoute('GET', path)?.params).toEqual({ name: 'a/b ü%' });
  });

  it('leaves a segment that is badly escaped as it is', () => {
    expect(matchRoute('GET', '/v1/engines/%zz')?.params).toEqual({ name: '%zz' });
  });
});

describe('describeApi', () => {
  const document = describeApi() as {
    readonly paths: Record<string, Record<string, { operationId: string; parameters: { name: string }[] }>>;
    readonly components: { readonly schemas: Record<string, unknown> };
  };

  it('has exactly the operations of the table', () => {
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`,
      ),
    );
    const table = Object.entries(routes).map(([name, { method, path }]) => `${method} ${path} ${name}`);
    expect(described.sort()).toEqual(table.sort());
  });

  it('names every open segment of a path as a parameter', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      const open = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      for (const { parameters } of Object.values(methods)) {
        expect(parameters.map(({ name }) => name)).toEqual(expect.arrayContaining(open));
      }
    }
  });

  it('refers only to schemas that it has', () => {
    const references = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)];
    for (const [, name = ''] of references) expect(Object.keys(document.components.schemas)).toContain(name);
  });
});
