import { type Setting, settingNames, settingOf } from './schema.ts';

type JsonSchema = Record<string, unknown>;

/** The JSON Schema (2020-12) of a settings file, for editors; made of the table. */
export function settingsSchema(): JsonSchema {
  const root: JsonSchema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Orlop engine settings',
    ...mapping(),
  };
  for (const name of settingNames) {
    const path = name.split('.');
    const leaf = path.pop() ?? name;
    let at = root;
    for (const segment of path) {
      const properties = at['properties'] as Record<string, JsonSchema>;
      properties[segment] ??= mapping();
      at = properties[segment];
    }
    (at['properties'] as Record<string, JsonSchema>)[leaf] = valueSchema(settingOf(name));
  }
  (root['properties'] as Record<string, JsonSchema>)['locked'] = {
    description: 'in a policy: settings that nobody else may change',
    type: 'array',
    items: { enum: settingNames },
  };
  return root;
}

function mapping(): JsonSchema {
  return { type: 'object', additionalProperties: false, properties: {} };
}

function valueSchema(setting: Setting): JsonSchema {
  const description = setting.summary;
  switch (setting.type) {
    case 'integer':
      return { description, type: 'integer', ...(setting.min !== undefined && { minimum: setting.min }) };
    case 'size':
      return { description, type: ['string', 'integer'], examples: ['4GiB', '512MiB'] };
    case 'text':
      return {
        ...{ description, type: 'string' },
        ...(setting.choices !== undefined && { enum: setting.choices }),
        ...(setting.form !== undefined && { pattern: setting.form.pattern.source }),
      };
    case 'texts':
      return {
        ...{ description, type: 'array' },
        items: {
          type: 'string',
          ...(setting.form !== undefined && { pattern: setting.form.pattern.source }),
        },
      };
    case 'boolean':
      return { description, type: 'boolean' };
    case 'object':
      return { description, type: 'object' };
  }
}
