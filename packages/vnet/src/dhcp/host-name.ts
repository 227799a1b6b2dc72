const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** The first label of what a guest calls itself, or '' when that is no name of a host (RFC 952, RFC 1123 §2.1). */
export function cleanHostName(text: string | undefined): string {
  const label = (text ?? '').replace(/\0+$/, '').split('.')[0] ?? '';
  return LABEL.test(label) ? label.toLowerCase() : '';
}
