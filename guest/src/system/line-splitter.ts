/** Turns pieces of text into whole lines. Invariant: what has not ended in a newline yet is kept back. */
export class LineSplitter {
  readonly #line: (line: string) => void;
  #rest = '';

  constructor(line: (line: string) => void) {
    this.#line = line;
  }

  push(piece: string): void {
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }
}

/** The last `count` lines of a text, without the empty one that a final newline makes. */
export function lastLines(text: string, count: number): readonly string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(-count);
}
