import { formatProblem, OrlopError } from '@orlop/core';
import { type LoadedYaml, loadImageYaml, type SourceReader } from '../config/load.ts';
import { kitError } from '../errors.ts';

/** A world of named texts in place of files. */
export function textSources(files: Readonly<Record<string, string>>): SourceReader {
  return {
    async read(location) {
      const text = files[location];
      if (text === undefined) throw kitError('kit.source-unreadable', `cannot read ${location}`);
      return { name: location, text, identity: location };
    },
    async template(folder) {
      if (folder === './broken')
        throw kitError('kit.source-unreadable', `there is no component in ${folder}`);
      return `docker.io/orlop/${folder.replace(/^.*\//, '')}:0123abcd`;
    },
    async fileProblem(source) {
      return source.startsWith('missing') ? `source ${source} is not there` : undefined;
    },
  };
}

/** Loads the description `text`, as file `a.yml`. */
export function loadText(
  text: string,
  options: { readonly set?: Readonly<Record<string, string>>; readonly files?: Record<string, string> } = {},
): Promise<LoadedYaml> {
  return loadImageYaml(['a.yml'], {
    reader: textSources({ 'a.yml': text, ...options.files }),
    set: new Map(Object.entries(options.set ?? {})),
  });
}

/** The problems of a description as lines `a.yml:LINE:COLUMN: message`; empty when it has none. */
export async function problemsOf(
  text: string,
  options: Parameters<typeof loadText>[1] = {},
): Promise<readonly string[]> {
  try {
    await loadText(text, options);
    return [];
  } catch (error) {
    if (!(error instanceof OrlopError)) throw error;
    return error.problems.length === 0 ? [error.message] : error.problems.map(formatProblem);
  }
}
