declare const ORLOP_COMMIT: string | undefined;

/** One version for all packages. */
export const VERSION = '0.1.0';

/** The commit that the bundle was made of; empty outside a bundle, or without git. */
export const COMMIT = typeof ORLOP_COMMIT === 'string' ? ORLOP_COMMIT : '';
