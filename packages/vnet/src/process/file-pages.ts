/** A piece of this process's address space. */
export interface MemoryRange {
  readonly address: number;
  readonly length: number;
}

const BEFORE_EACH = /^(?=[0-9a-f]+-[0-9a-f]+ )/m;
const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)/;
const RESIDENT = /^Rss: +[1-9]/m;
const UNCHANGED = /^Anonymous: +0 kB$/m;

/**
 * The ranges whose resident pages are nothing but a file's own, of which the kernel's page cache has the originals:
 * private, not writable, no page of them ever changed. Looks at each range, not at each line: with so many turns of
 * a loop the engine would compile it, and its compiler is a good part of what is to be given back.
 *
 * @param smaps - the text of `/proc/PID/smaps` (proc_pid_smaps(5))
 */
export function unchangedFilePages(smaps: string): MemoryRange[] {
  return smaps.split(BEFORE_EACH).flatMap((text) => {
    const range = rangeOfFile(HEAD.exec(text) ?? []);
    return range !== undefined && RESIDENT.test(text) && UNCHANGED.test(text) ? [range] : [];
  });
}

function rangeOfFile([, from = '', to = '', mode = '', inode = '0']: readonly string[]):
  | MemoryRange
  | undefined {
  if (inode === '0' || mode[1] === 'w' || mode[3] !== 'p') return undefined;
  const address = Number.parseInt(from, 16);
  return { address, length: Number.parseInt(to, 16) - address };
}
