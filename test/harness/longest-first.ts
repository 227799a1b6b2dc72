/**
 * Vitest's order of files, with the whole-product ones that take minutes first: with two at once, one that begins
 * last would leave a processor idle to the end. Vitest's own order knows durations of an earlier run, which a fresh
 * clone has not.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By time taken, from the longest on; whatever is not named comes after, in Vitest's own order. */
const longest = [
  'test/engine/docker',
  'test/formats/formats',
  'test/engine/files',
  'test/engine/resources',
  'test/engine/engine',
  'test/boot/containers',
  'test/boot/containerd',
  'test/linuxkit/cases',
  'test/boot/examples',
  'test/build/examples',
].map((name) => `${name}.test.ts`);

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
