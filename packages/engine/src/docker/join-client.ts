import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isHijacked, type RequestHead } from './request-frames.ts';
import { CLOSE, type GateRules, RequestGate, refusal } from './request-gate.ts';

/** Answers that are held until what they tell of has happened on the host as well. */
export interface AnswerRules {
  readonly concerns: (head: RequestHead) => boolean;
  /** Asked once dockerd has answered; never rejects. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
}

export interface JoinOptions {
  /** Requests that are refused before dockerd sees them. @default none */
  readonly rules?: GateRules;
  /** Of requests that the rules let through. @default none are held */
  readonly answers?: AnswerRules;
  /** How long a client may take to send a head, or a request that the rules concern. */
  readonly requestLimitMs: number;
  /** The client is told by an answer, and its connection ended. */
  readonly onRefused: (reason: string) => void;
}

const NOTHING = new Uint8Array(0);
/** How soon it is noticed that a client which had said its last is gone. */
const LOOK_MS = 5000;

/** Carries bytes and ends in both directions; a failure of one side ends the other. */
export function joinClient(client: Socket, server: Duplex, options: JoinOptions): void {
  const { rules } = options;
  if (client.destroyed) {
    server.destroy();
    return;
  }
  const gone = new AbortController();
  client.once('close', () => {
    gone.abort();
    server.destroy();
  });
  server.once('close', () => {
    // What it sent last is still on its way out.
    if (!client.writableFinished) client.end(() => client.destroy());
    else if (!client.readableEnded) client.destroy();
  });
  server.on('error', () => client.destroy());
  // dockerd has heard the client's last.
  server.once('finish', () => dropWhenGone(client));
  if (rules === undefined) client.pipe(server);
  else client.pipe(gateBetween(client, server, { ...options, rules, gone })).pipe(server);
  server.pipe(client);
}

/** What a client's requests go through; it ends with the client. */
function gateBetween(
  client: Socket,
  server: Duplex,
  {
    rules,
    answers,
    requestLimitMs,
    onRefused,
    gone,
  }: JoinOptions & { readonly rules: GateRules; readonly gone: AbortController },
): RequestGate {
  let holding = false;
  const unsettled = new Set<() => void>();
  const settle = () => {
    for (const over of unsettled) over();
    unsettled.clear();
  };
  const turnAway = (answer: string) => {
    onRefused(answer.slice(answer.indexOf('\r\n\r\n') + 4));
    server.unpipe(client);
    client.end(answer, () => client.destroy());
    server.destroy();
  };
  let timer: NodeJS.Timeout | undefined;
  const gate = new RequestGate(rules, (answer) => client.write(answer), {
    onPass: (head, over) => {
      if (over !== undefined) unsettled.add(over);
      if (head.hijacks && !holding) {
        server.once('data', (answer: Buffer) => {
          if (!isHijacked(answer)) gate.stayHttp();
        });
      }
      if (holding || answers?.concerns(head) !== true) return;
      holding = true;
      holdAnswer(client, server, {
        ...{ answers, signal: gone.signal },
        onPassed: () => {
          holding = false;
          settle();
        },
      });
    },
    onMalformed: turnAway,
    onWait: (isWaiting) => {
      clearTimeout(timer);
      if (isWaiting) timer = setTimeout(() => turnAway(tooSlow(requestLimitMs)), requestLimitMs);
    },
  });
  gate.once('error', () => client.destroy());
  client.once('close', () => {
    clearTimeout(timer);
    gate.destroy();
    settle();
  });
  return gate;
}

/**
 * A client that has said its last may still listen, as `docker attach` does, or be gone: both read the same. A write of no bytes
 * fails for the one that is gone (EPIPE, unix_stream_sendmsg of Linux), which would count as a client until a container says
 * something.
 */
function dropWhenGone(client: Socket): void {
  const look = () => {
    if (client.writable) client.write(NOTHING);
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  client.once('close', () => clearInterval(timer));
}

/** Docker's clients ask one thing at a time on a connection, so what dockerd says next is the answer. */
function holdAnswer(
  client: Socket,
  server: Duplex,
  {
    answers,
    signal,
    onPassed,
  }: { readonly answers: AnswerRules; readonly signal: AbortSignal; readonly onPassed: () => void },
): void {
  server.unpipe(client);
  server.once('readable', () => {
    void answers.ready(signal).then(() => {
      onPassed();
      server.pipe(client);
    });
  });
}

const tooSlow = (limitMs: number) =>
  refusal('408 Request Timeout', `the request was not whole after ${limitMs / 1000} s`, CLOSE);
