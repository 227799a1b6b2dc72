import type { Problem } from '@orlop/core';
import { volumeUseProblem } from '../config/cross-checks.ts';
import { type ImageConfigYaml, readImageConfig } from '../config/image-shape.ts';
import { parseBind } from '../spec/mount.ts';
import { parseYaml } from '../yaml/parse.ts';
import { ProblemList } from '../yaml/problems.ts';
import type { ComposeImage } from './rootfs-plan.ts';

/** What an image says of how it wants to be run. */
const CONFIG_LABEL = 'org.mobyproject.config';

export interface LabelContext {
  readonly volumes: ReadonlyMap<string, { readonly readonly?: boolean }>;
  readonly ids: ReadonlyMap<string, number>;
}

/** Reads an image's label; positions in problems count within the label's text. */
export function readLabel(
  image: ComposeImage,
  context: LabelContext,
): { readonly config: ImageConfigYaml; readonly problems: readonly Problem[] } {
  const text = image.labels[CONFIG_LABEL];
  if (text === undefined || text.trim() === '') return { config: {}, problems: [] };
  const { root, problems: syntax } = parseYaml(text, `${image.reference} label ${CONFIG_LABEL}`);
  const problems = new ProblemList();
  problems.addAll(syntax);
  const config = root === undefined ? {} : (readImageConfig(root, { path: '', problems }) ?? {});
  for (const bind of config.binds ?? []) {
    const parsed = parseBind(bind.value);
    if ('message' in parsed) continue;
    const message = volumeUseProblem(parsed.value.source, parsed.value.options, context.volumes);
    if (message !== undefined) problems.add(bind.position, `${bind.path}: ${message}`);
  }
  for (const id of [config.uid, config.gid, ...(config.additionalGids ?? [])]) {
    if (typeof id?.value !== 'string' || id.value === '' || id.value === 'root') continue;
    if (!context.ids.has(id.value)) problems.add(id.position, `${id.path}: cannot find id: ${id.value}`);
  }
  return { config, problems: problems.sorted() };
}
