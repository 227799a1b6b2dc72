export * from './client.ts';
export * from './errors.ts';
export * from './openapi.ts';
export * from './routes.ts';
export * from './server-sent-events.ts';
export * from './states.ts';
