/** One paragraph of a control file: fields by name, in the spelling of the file. */
export type ControlFields = ReadonlyMap<string, string>;

/**
 * Reads paragraphs of `Field: value` lines; continuation lines keep their line breaks, comments are dropped.
 * deb822(5). Lines that are neither are dropped too: apt itself judges its files.
 */
export function parseControl(text: string): readonly ControlFields[] {
  const paragraphs: ControlFields[] = [];
  let fields = new Map<string, string>();
  let last: string | undefined;
  const close = () => {
    if (fields.size > 0) paragraphs.push(fields);
    fields = new Map();
    last = undefined;
  };
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    if (line.trim() === '') {
      close();
      continue;
    }
    if (/^[ \t]/.test(line)) {
      if (last !== undefined) fields.set(last, `${fields.get(last) ?? ''}\n${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    last = line.slice(0, colon);
    fields.set(last, line.slice(colon + 1).trim());
  }
  close();
  return paragraphs;
}

/** Writes a paragraph, with the empty line that ends it. */
export function formatControl(fields: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [name, value] of fields) text += `${name}: ${value.replaceAll('\n', '\n ')}\n`;
  return `${text}\n`;
}
