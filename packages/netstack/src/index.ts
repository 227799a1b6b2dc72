export * from './driver.ts';
export * from './errors.ts';
export * from './face.ts';
export * from './frame-sinks.ts';
export * from './ip/address.ts';
// For the tests of whoever writes links, or programs on this socket face: bad links, virtual time, one suite for all.
export * from './link/impaired-link.ts';
export * from './link/memory-link.ts';
export * from './link/simulation.ts';
export * from './machine.ts';
export * from './network/compliance.ts';
export type * from './network/network.ts';
export { stackDatagrams } from './network/stack-datagrams.ts';
export { closeError, stackStreams, streamOfSocket } from './network/stack-streams.ts';
export * from './stack.ts';
export type * from './stack-face.ts';
export { Tcp } from './tcp/tcp.ts';
export { Udp } from './udp/udp.ts';
