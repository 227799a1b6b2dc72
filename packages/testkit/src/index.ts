export * from './ask-socket.ts';
export * from './described-api.ts';
export * from './fake-clock.ts';
export * from './free-port.ts';
export * from './seeded-random.ts';
export * from './temporary-folder.ts';
export * from './tiny-guest.ts';
