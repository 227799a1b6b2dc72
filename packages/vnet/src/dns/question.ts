import { DNS_CLASS_IN, type DnsFields, type DnsQuestion, parseDns } from '@orlop/wire';

export interface AskedQuestion {
  readonly fields: DnsFields;
  readonly question: DnsQuestion;
}

const OPCODE_QUERY = 0;

/**
 * What a message asks, when it is a query with one question of the internet's class. All else (an update, a notice,
 * more questions than one, RFC 9619) is for the host's servers to take or refuse: undefined.
 */
export function questionOf(message: Uint8Array): AskedQuestion | undefined {
  const fields = parseDns(message, 0, message.length);
  if (typeof fields === 'string' || fields.opcode !== OPCODE_QUERY || fields.questions.length !== 1)
    return undefined;
  const question = fields.questions[0];
  return question.class === DNS_CLASS_IN ? { fields, question } : undefined;
}
