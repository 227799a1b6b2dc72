/** What is measured of a network, in the order of the table. */
export const COLUMNS = ['g→h', 'h→g', 'fwd h→g', 'fwd g→h', 'crr', 'tcp rr', 'udp rr'] as const;
export type Column = (typeof COLUMNS)[number];
