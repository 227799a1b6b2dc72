/** How esbuild bundles what runs on Node, for its `build`. */
export const nodeBundle = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  // Native code and its loader stay outside the bundle.
  external: ['koffi'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  splitting: true,
  outExtension: { '.js': '.mjs' },
};
