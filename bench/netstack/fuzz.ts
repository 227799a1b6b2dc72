/** A million mutated frames against one stack. Run: node bench/netstack/run.mjs fuzz [--frames N] [--seed N] */
import { performance } from 'node:perf_hooks';
import { seededRandom } from '@orlop/testkit';
import { fuzzStack } from '../../packages/netstack/src/testing/fuzz.ts';

const frames = Number(process.argv[2]);
const seed = Number(process.argv[3]);
const start = performance.now();
const result = fuzzStack(seededRandom(seed), frames);
const seconds = (performance.now() - start) / 1000;
console.log(`seed ${seed}: ${frames} frames in ${seconds.toFixed(1)} s`);
console.log(result);
