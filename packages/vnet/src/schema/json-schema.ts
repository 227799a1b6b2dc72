/** The part of JSON Schema (2020-12) that the control API and the configuration are described with. */
export interface JsonSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  /** What other keys hold; false: there are none. @default anything */
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly enum?: readonly (string | number | boolean)[];
  readonly anyOf?: readonly JsonSchema[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

export type SchemaPath = readonly (string | number)[];

export interface SchemaProblem {
  /** Where in the value: keys and indices from the root. */
  readonly path: SchemaPath;
  readonly message: string;
}

/** Everything in `value` that is not as the schema says; empty when all is. */
export function validateSchema(
  schema: JsonSchema,
  value: unknown,
  path: SchemaPath = [],
): readonly SchemaProblem[] {
  if (schema.anyOf !== undefined) return validateAny(schema.anyOf, value, path);
  if (schema.type !== undefined && !hasType(value, schema.type)) {
    return [{ path, message: `${nameOf(path)} is ${describe(value)}, not ${ARTICLES[schema.type]}` }];
  }
  if (schema.enum !== undefined && !schema.enum.some((one) => one === value)) {
    return [{ path, message: `${nameOf(path)} is ${describe(value)}; there are ${schema.enum.join(', ')}` }];
  }
  if (typeof value === 'string') return validateText(schema, value, path);
  if (typeof value === 'number') return validateNumber(schema, value, path);
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? [] : value.flatMap((item, i) => validateSchema(items, item, [...path, i]));
  }
  return isObject(value) ? validateObject(schema, value, path) : [];
}

function validateAny(
  schemas: readonly JsonSchema[],
  value: unknown,
  path: SchemaPath,
): readonly SchemaProblem[] {
  let closest: readonly SchemaProblem[] | undefined;
  for (const schema of schemas) {
    const problems = validateSchema(schema, value, path);
    if (problems.length === 0) return [];
    // The form that was meant is the one that gets further than the value's own type.
    if (problems.some((problem) => problem.path.length > path.length)) closest ??= problems;
  }
  const kinds = schemas.map((schema) => (schema.enum ?? [ARTICLES[schema.type ?? 'object']]).join(', '));
  return closest ?? [{ path, message: `${nameOf(path)} is ${describe(value)}, not ${kinds.join(' or ')}` }];
}

function validateText(schema: JsonSchema, value: string, path: SchemaPath): readonly SchemaProblem[] {
  if (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value)) return [];
  const wanted = schema.description === undefined ? schema.pattern : schema.description;
  return [{ path, message: `${nameOf(path)} is "${value}", not ${wanted}` }];
}

function validateNumber(schema: JsonSchema, value: number, path: SchemaPath): readonly SchemaProblem[] {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  if (value >= minimum && value <= maximum) return [];
  return [{ path, message: `${nameOf(path)} is ${value}, outside ${minimum} to ${maximum}` }];
}

function validateObject(
  schema: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  path: SchemaPath,
): readonly SchemaProblem[] {
  const { properties = {}, required = [], additionalProperties } = schema;
  const problems: SchemaProblem[] = [];
  for (const key of required) {
    if (value[key] === undefined) problems.push({ path, message: `${nameOf(path)} has no "${key}"` });
  }
  for (const [key, one] of Object.entries(value)) {
    const at = [...path, key];
    const known = Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    if (known === false) {
      const keys = Object.keys(properties).join(', ');
      problems.push({ path: at, message: `unknown key "${key}"; there are ${keys}` });
    } else if (typeof known === 'object' && one !== undefined)
      problems.push(...validateSchema(known, one, at));
  }
  return problems;
}

const ARTICLES = {
  object: 'a mapping',
  array: 'a list',
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
} as const;

function hasType(value: unknown, type: NonNullable<JsonSchema['type']>): boolean {
  switch (type) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `leases[0].mac`; the root is "it". */
export function formatPath(path: SchemaPath): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`))
    .join('');
}

function nameOf(path: SchemaPath): string {
  return path.length === 0 ? 'it' : formatPath(path);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return JSON.stringify(value) ?? String(value);
}
