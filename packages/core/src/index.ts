export * from './assert.ts';
export * from './clock.ts';
export * from './error.ts';
export * from './file-name.ts';
export * from './logger.ts';
export * from './progress.ts';
export * from './random.ts';
export * from './until-drained.ts';
