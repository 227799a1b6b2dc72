import { defineConfig } from 'vitest/config';
import LongestFirst from './test/harness/longest-first.ts';

/**
 * Three speeds (docs: CONTRIBUTING.md): `pure` has neither sockets nor files, `adapter` has real sockets,
 * temporary folders and peer tools, `product` boots whole machines under QEMU. Files run at once on every processor:
 * Vitest by itself leaves one of two idle.
 */
const adapterTests = '{packages,guest}/**/src/**/*.adapter.test.ts';

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'pure',
          include: ['{packages,guest}/**/src/**/*.test.ts', 'tools/**/*.test.mjs'],
          exclude: [adapterTests, '**/node_modules/**'],
          testTimeout: 30_000,
          maxWorkers: '100%',
          // No module keeps state, so the files of one worker share them: half the time.
          isolate: false,
        },
      },
      {
        test: {
          name: 'adapter',
          include: [adapterTests],
          exclude: ['**/node_modules/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // A wait ends as soon as it has what it waits for; a second, Vitest's own, is less than a busy machine takes.
          expect: { poll: { timeout: 20_000 } },
          maxWorkers: '100%',
        },
      },
      {
        test: {
          name: 'product',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 600_000,
          hookTimeout: 1_800_000,
          // Many a question is a process of its own, and one after the other they would take the machine its processor.
          expect: { poll: { timeout: 60_000, interval: 250 } },
          // A machine takes one processor, and a good part of a case is waiting. Where all projects run, these come last.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
