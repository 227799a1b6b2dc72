import { Duplex } from 'node:stream';

const GREETING =
  '{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}}, "capabilities": []}}\n';

/** QEMU's monitor, which answers each command by a function; an answer of undefined is silence. */
export class FakeQemu extends Duplex {
  readonly commands: { execute: string; id: number }[] = [];
  readonly #answer: (command: string, id: number) => string | undefined;

  constructor(answer: (command: string, id: number) => string | undefined, greeting = GREETING) {
    super({ allowHalfOpen: false });
    this.#answer = answer;
    this.push(greeting);
  }

  say(text: string): void {
    this.push(text);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const command = JSON.parse(chunk.toString()) as { execute: string; id: number };
    this.commands.push(command);
    const text =
      command.execute === 'qmp_capabilities'
        ? `{"return": {}, "id": ${command.id}}\n`
        : this.#answer(command.execute, command.id);
    if (text !== undefined) this.push(text);
    done();
  }
}
