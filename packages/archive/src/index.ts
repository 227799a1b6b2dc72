export { BZIMAGE_HEADER_BYTES, type BzImagePayload, readBzImagePayload } from './bzimage.ts';
export { readCpio } from './cpio-reader.ts';
export { writeCpio } from './cpio-writer.ts';
export * from './entry.ts';
export { archiveError } from './errors.ts';
export { type ArchiveLimits, DEFAULT_LIMITS } from './limits.ts';
export { decodeName, encodeName, normalizeName } from './name.ts';
export { readTar } from './tar-reader.ts';
export { encodeTarHeader, writeTar } from './tar-writer.ts';
