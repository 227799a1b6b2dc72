import { OrlopError } from '@orlop/core';
import { parseReference } from '@orlop/oci';

/** What is wrong with an image reference as written in a YAML file, or undefined. */
export function referenceProblem(text: string): string | undefined {
  if (text === '') return 'the image reference is empty';
  if (text.includes('$' + '{')) {
    return `${JSON.stringify(text)} is no image reference: a variable is replaced only when it is declared under "variables:" or by --set`;
  }
  try {
    parseReference(text);
    return undefined;
  } catch (error) {
    if (error instanceof OrlopError) return error.message;
    throw error;
  }
}
