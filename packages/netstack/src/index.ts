export * from './face.ts';
export * from './ip/address.ts';
export type * from './stack-face.ts';
