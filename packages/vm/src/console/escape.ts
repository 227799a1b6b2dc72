/** What the person at a console asked for. */
export type ConsoleCommand = 'detach' | 'power-off' | 'kill' | 'help';

export interface ConsoleInput {
  /** What goes to the guest. */
  readonly bytes: Uint8Array;
  readonly commands: readonly ConsoleCommand[];
}

/** Ctrl-], as telnet has it: no shell and no editor needs it. */
const ESCAPE_BYTE = 0x1d;

export const ESCAPE_HELP =
  'Ctrl-] then: d detaches and leaves the machine running, q powers it off, k kills it, Ctrl-] sends Ctrl-], ? says this';

const commands: Readonly<Record<string, ConsoleCommand>> = {
  d: 'detach',
  q: 'power-off',
  k: 'kill',
  '?': 'help',
};

/** Takes commands out of what is typed. The escape and its letter may come in different pieces. */
export class ConsoleEscape {
  #escaped = false;

  receive(typed: Uint8Array): ConsoleInput {
    const bytes: number[] = [];
    const found: ConsoleCommand[] = [];
    for (const byte of typed) {
      if (this.#escaped) {
        this.#escaped = false;
        const command = commands[String.fromCharCode(byte)];
        if (command !== undefined) found.push(command);
        else if (byte === ESCAPE_BYTE) bytes.push(byte);
        else bytes.push(ESCAPE_BYTE, byte);
      } else if (byte === ESCAPE_BYTE) {
        this.#escaped = true;
      } else {
        bytes.push(byte);
      }
    }
    return { bytes: Uint8Array.from(bytes), commands: found };
  }
}
