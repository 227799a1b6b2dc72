/**
 * Text that may come from a stranger's file or registry, for a terminal: control characters but the end of a line
 * and the tab are shown as marks, so that none of them steers it.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
