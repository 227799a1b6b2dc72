/** ECMA-48 §5.4: a control sequence has parameters, intermediate bytes and one final byte; `m` sets colours. */
const COLOUR = /^\x1b\[[\d;]*m$/;
/** A sequence of which the end has not come yet; longer ones are none. */
const MAX_SEQUENCE = 256;
const SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])/y;

/**
 * What a machine has said, for the terminal of somebody who only reads: colours pass, and nothing that would move its cursor,
 * change its title or have it answer. Sequences may be cut at any place between two pieces.
 */
export class TerminalText {
  #rest = '';

  pass(piece: string): string {
    const text = this.#rest + piece;
    this.#rest = '';
    let passed = '';
    for (let at = 0; at < text.length; ) {
      const begin = text.indexOf('\x1b', at);
      const end = begin < 0 ? text.length : begin;
      passed += withoutControls(text.slice(at, end));
      if (begin < 0) break;
      SEQUENCE.lastIndex = begin;
      const sequence = SEQUENCE.exec(text)?.[0];
      if (sequence !== undefined) {
        if (COLOUR.test(sequence)) passed += sequence;
        at = begin + sequence.length;
      } else if (text.length - begin < MAX_SEQUENCE) {
        this.#rest = text.slice(begin);
        break;
      } else {
        at = begin + 1;
      }
    }
    return passed;
  }
}

/** End of a line, tab, and the carriage return of a console's lines stay. */
function withoutControls(text: string): string {
  return text.replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '');
}
