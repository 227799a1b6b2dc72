/** distribution/reference, reference.go: the grammar of image references. */
const DOMAIN_PART = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `(?:${DOMAIN_PART}(?:\\.${DOMAIN_PART})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?`;
const PATH_PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REFERENCE = new RegExp(
  `^(?:${DOMAIN}/)?${PATH_PART}(?:/${PATH_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?` +
    '(?:@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))?$',
);

/** What is wrong with an image reference as written in a YAML file, or undefined. */
export function referenceProblem(text: string): string | undefined {
  if (text.length <= 1000 && REFERENCE.test(text)) return undefined;
  if (text === '') return 'the image reference is empty';
  if (/\$\{/.test(text)) {
    return `"${text}" is no image reference: a variable is replaced only when it is declared under "variables:" or by --set`;
  }
  const why = /[A-Z]/.test(text.replace(/[:@][^/]*$/, '')) ? ': a repository is in lower case' : '';
  return `"${text}" is no image reference${why}`;
}
