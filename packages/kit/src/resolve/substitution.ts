import { OrlopError } from '@orlop/core';
import { parseReference } from '@orlop/oci';
import { kitError } from '../errors.ts';
import { parseYaml } from '../yaml/parse.ts';
import { ProblemList } from '../yaml/problems.ts';
import { mapOf, object, string } from '../yaml/shape.ts';

/** Another image in place of those that a pattern matches. */
export interface Substitution {
  /** A repository as image descriptions write it; each `*` stands for any characters but `/`. */
  readonly pattern: string;
  /** What comes in its place; each `*` is what that of the pattern stood for. */
  readonly replacement: string;
}

/**
 * `linuxkit/*=orlop/*`
 * @throws OrlopError `kit.invalid-substitution`
 */
export function parseSubstitution(text: string): Substitution {
  const at = text.indexOf('=');
  if (at <= 0 || at === text.length - 1) {
    throw kitError(
      'kit.invalid-substitution',
      `"${text}" is no substitution: it takes the form PATTERN=IMAGE`,
      {
        hint: "for example 'linuxkit/*=orlop/*'",
      },
    );
  }
  return checkedRule({ pattern: text.slice(0, at), replacement: text.slice(at + 1) });
}

/**
 * Reads rules from a file: a mapping `substitutions` from pattern to image, the first that matches counting.
 * @throws OrlopError `kit.invalid-substitution` with all problems
 */
export function readSubstitutions(text: string, file: string): readonly Substitution[] {
  const { root, problems: syntax } = parseYaml(text, file);
  const problems = new ProblemList();
  problems.addAll(syntax);
  const read = root === undefined ? undefined : fileShape(root, { path: '', problems });
  const rules: Substitution[] = [];
  for (const [pattern, replacement] of Object.entries(read?.substitutions ?? {})) {
    try {
      rules.push(checkedRule({ pattern, replacement }));
    } catch (error) {
      if (!(error instanceof OrlopError) || root === undefined) throw error;
      problems.add(root.position, error.message);
    }
  }
  if (problems.length > 0) {
    throw kitError('kit.invalid-substitution', `${file} has no valid substitutions`, {
      problems: problems.sorted(),
    });
  }
  return rules;
}

const fileShape = object({ substitutions: mapOf(string) }, ['substitutions']);

function checkedRule(rule: Substitution): Substitution {
  const { pattern, replacement } = rule;
  const stars = (text: string) => text.split('*').length - 1;
  if (stars(replacement) > stars(pattern)) {
    throw kitError(
      'kit.invalid-substitution',
      `the substitution "${pattern}=${replacement}" has more "*" to fill in than it matches`,
    );
  }
  try {
    parseReference(replacement.replaceAll('*', 'x'));
  } catch (cause) {
    throw kitError('kit.invalid-substitution', `"${replacement}" is no image reference`, { cause });
  }
  return rule;
}

/**
 * The reference that takes the place of another, or undefined when no rule matches. A pattern without a tag
 * matches every tag; a replacement without one means `latest`.
 */
export function substitute(reference: string, rules: readonly Substitution[]): string | undefined {
  const { repository, rest } = splitReference(reference);
  const short = repository.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, '');
  for (const { pattern, replacement } of rules) {
    const hasTag = splitReference(pattern).rest !== '';
    const match = [repository, short]
      .map((name) => patternRegExp(pattern).exec(hasTag ? `${name}${rest}` : name))
      .find((found) => found !== null);
    if (match === null || match === undefined) continue;
    let star = 0;
    const filled = replacement.replace(/\*/g, () => match[++star] ?? '');
    return splitReference(filled).rest === '' ? `${filled}:latest` : filled;
  }
  return undefined;
}

/** The tag and digest begin at the first `@`, or at the first `:` after the last slash. */
function splitReference(text: string): { readonly repository: string; readonly rest: string } {
  const at = text.indexOf('@');
  const name = at === -1 ? text : text.slice(0, at);
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  const end = colon === -1 ? name.length : colon;
  return { repository: text.slice(0, end), rest: text.slice(end) };
}

function patternRegExp(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('([^/]*)')}$`);
}
