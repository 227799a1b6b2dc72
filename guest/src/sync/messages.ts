/**
 * What the host asks the machine's side of a synchronised share, a JSON text and a line feed each; the other side is
 * packages/engine/src/sync/guest-channel.ts. Paths are below the share's own folder, without a slash at the start. Times are
 * milliseconds since 1970. Contents follow their message as `size` bytes and one more: `1` when they are whole.
 */
export type Request =
  | { readonly do: 'hello' }
  /** The copy is new to the host: it is known by this stamp from now on. */
  | { readonly do: 'adopt'; readonly stamp: string; readonly owner?: Owner }
  | { readonly do: 'list'; readonly folders: readonly string[] }
  | { readonly do: 'stat'; readonly paths: readonly string[] }
  | { readonly do: 'digest'; readonly paths: readonly string[] }
  /** Answered for each with a size (-1: there is no such file), and the content. */
  | { readonly do: 'read'; readonly paths: readonly string[] }
  /** Not answered; a content follows, kept under its number until the next `apply`. */
  | {
      readonly do: 'stage';
      readonly number: number;
      readonly mode: number;
      readonly size: number;
      readonly modified: number;
    }
  | { readonly do: 'apply'; readonly owner?: Owner; readonly steps: readonly Step[] }
  /** Everything that was said before is on the disk when it is answered, and so is the number. */
  | { readonly do: 'commit'; readonly generation: number };

export type Owner = readonly [number, number];

/** `of`: the hint of what is there now; a step is left undone when it is otherwise. */
export type Step =
  | { readonly do: 'folder'; readonly path: string; readonly mode: number }
  | { readonly do: 'file'; readonly path: string; readonly number: number; readonly of?: string }
  | { readonly do: 'link'; readonly path: string; readonly target: string; readonly of?: string }
  | { readonly do: 'mode'; readonly path: string; readonly mode: number; readonly of?: string }
  | { readonly do: 'remove'; readonly path: string; readonly of?: string }
  | { readonly do: 'remove-folder'; readonly path: string }
  | { readonly do: 'set-aside'; readonly path: string; readonly to: string; readonly of?: string };

/** Name; f(ile), d (folder), l(ink), x (another kind, or a name that is no UTF-8); mode; size; hint; status changed at; target. */
export type Entry = readonly [string, 'f' | 'd' | 'l' | 'x', number, number, string, number, string?];

/** Of each step: done, with what is there now; something else was there; refused, with the error's number. */
export type StepResult = readonly ['done', Entry?] | readonly ['changed'] | readonly ['failed', number];
