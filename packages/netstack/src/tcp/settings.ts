import type { TcpSettings } from '../stack-face.ts';

/** Every setting with its default; read in one place only. */
export type ResolvedTcpSettings = Required<TcpSettings>;

const KIB = 1024;

/** Every setting, by its default where none is given. */
export function resolveTcpSettings(settings: TcpSettings = {}): ResolvedTcpSettings {
  return {
    congestion: 'cubic',
    receiveBuffer: { initial: 64 * KIB, max: 4096 * KIB },
    sendBuffer: { initial: 64 * KIB, max: 4096 * KIB },
    memoryBudget: 256 * KIB * KIB,
    selectiveAcknowledgment: true,
    timestamps: true,
    delayedAckMs: 40,
    quickAcks: 8,
    minRetransmissionTimeoutMs: 200,
    timeWaitMs: 60_000,
    maxTimeWait: 8192,
    maxConnections: 65_536,
    maxAttempts: 4096,
    ...settings,
  };
}

/** RFC 6298 §2.1, §2.4. */
export const INITIAL_TIMEOUT_MS = 1000;
export const MAX_TIMEOUT_MS = 60_000;
/** RFC 9293 §3.8.3: R2 is at least 100 s for data; 15 doublings from 200 ms are minutes more than that. */
export const MAX_DATA_RETRIES = 15;
/** RFC 9293 §3.8.3: R2 of a SYN is at least three minutes; seven repeats, the last waits a minute, are 183 s. */
export const MAX_SYN_RETRIES = 7;
/** Linux's tcp_synack_retries: who was answered tries by itself. 63 s. */
export const MAX_SYN_ACK_RETRIES = 5;
/** RFC 5961 §7: challenge acknowledgements are limited, per connection here. */
export const CHALLENGE_INTERVAL_MS = 500;
export const CHALLENGES_PER_INTERVAL = 10;
/** An attempt on which nobody decides ends after this. */
export const ATTEMPT_LIFETIME_MS = 120_000;
/** Segments of one connection before others get their turn. */
export const BURST_SEGMENTS = 64;
/** Shorter segments of a stream are gathered in the queue: using each by itself would cost more than the copy. */
export const PASS_ON_MIN_BYTES = 8192;
/** A segment this short is no part of a long stream, but a request or an answer. */
export const SHORT_MESSAGE_BYTES = 512;
/** RFC 7323 §5.5: a timestamp this old says nothing. */
export const TIMESTAMP_LIFETIME_MS = 24 * 24 * 3600 * 1000;
/** RFC 9293 §3.7.1: without the option. */
export const DEFAULT_MSS_4 = 536;
export const DEFAULT_MSS_6 = 1220;
