/**
 * Without the spaces and tabs around it, as a header's value stands in HTTP (RFC 9110 §5.5). By hand: a regular expression
 * looks at a run of blanks within the text as often as that is long.
 */
export function trimBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

const isBlank = (char: string | undefined) => char === ' ' || char === '\t';
