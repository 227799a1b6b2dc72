import { defineConfig } from 'vitest/config';

/**
 * Three speeds (docs: CONTRIBUTING.md): `pure` has neither sockets nor files, `adapter` has real sockets,
 * temporary folders and peer tools, `product` boots whole machines under QEMU.
 */
const adapterTests = '{packages,guest}/**/src/**/*.adapter.test.ts';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: ['{packages,guest}/**/src/**/*.test.ts', 'tools/**/*.test.mjs'],
          exclude: [adapterTests, '**/node_modules/**'],
          testTimeout: 30_000,
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
        },
      },
      {
        test: {
          name: 'product',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 600_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
