import type { Parsed } from './parsed.ts';

export interface Rlimit {
  readonly type: string;
  readonly soft: bigint;
  readonly hard: bigint;
}

const UNLIMITED = 2n ** 64n - 1n;
const KNOWN = [
  'CPU',
  'FSIZE',
  'DATA',
  'STACK',
  'CORE',
  'RSS',
  'NPROC',
  'NOFILE',
  'MEMLOCK',
  'AS',
  'LOCKS',
  'SIGPENDING',
  'MSGQUEUE',
  'NICE',
  'RTPRIO',
  'RTTIME',
];

/** `name,soft,hard`: the name with or without RLIMIT_ and in any case, a limit is a number or `unlimited`. */
export function parseRlimit(text: string): Parsed<Rlimit> {
  const parts = text.split(',').map((part) => part.trim());
  const [name, softText, hardText] = parts;
  if (parts.length !== 3 || name === undefined || softText === undefined || hardText === undefined) {
    return { message: `cannot parse rlimit "${text}": it takes the form name,soft,hard` };
  }
  const short = name.toUpperCase().replace(/^RLIMIT_/, '');
  if (!KNOWN.includes(short)) return { message: `unknown limit: ${name}` };
  const soft = parseLimit(softText);
  const hard = parseLimit(hardText);
  if (soft === undefined || hard === undefined) {
    const wrong = soft === undefined ? softText : hardText;
    return { message: `cannot parse "${wrong}" as a limit: it takes a number below 2^64 or "unlimited"` };
  }
  if (soft > hard) return { message: `the soft limit ${softText} is above the hard limit ${hardText}` };
  return { value: { type: `RLIMIT_${short}`, soft, hard } };
}

function parseLimit(text: string): bigint | undefined {
  if (text === 'unlimited') return UNLIMITED;
  if (!/^[0-9]{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value <= UNLIMITED ? value : undefined;
}
