export * from './fake-clock.ts';
export * from './seeded-random.ts';
export * from './temporary-folder.ts';
export * from './tiny-guest.ts';
