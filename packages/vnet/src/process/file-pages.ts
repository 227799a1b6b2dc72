/** A piece of this process's address space. */
export interface MemoryRange {
  readonly address: number;
  readonly length: number;
}

const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)/;
const RESIDENT = /^Rss: +(\d+) kB$/;
const ANONYMOUS = /^Anonymous: +(\d+) kB$/;

/**
 * The ranges whose resident pages are nothing but a file's own, of which the kernel's page cache has the originals:
 * private, not writable, no page of them ever changed.
 *
 * @param smaps - the text of `/proc/PID/smaps` (proc_pid_smaps(5))
 */
export function unchangedFilePages(smaps: string): MemoryRange[] {
  const ranges: MemoryRange[] = [];
  let range: MemoryRange | undefined;
  let residentKib = 0;
  for (const line of smaps.split('\n')) {
    const head = HEAD.exec(line);
    if (head !== null) {
      range = rangeOfFile(head);
      residentKib = 0;
      continue;
    }
    residentKib = Number(RESIDENT.exec(line)?.[1] ?? residentKib);
    const anonymousKib = ANONYMOUS.exec(line)?.[1];
    if (anonymousKib === '0' && residentKib > 0 && range !== undefined) ranges.push(range);
  }
  return ranges;
}

function rangeOfFile([, from = '', to = '', mode = '', inode = '']: RegExpExecArray):
  | MemoryRange
  | undefined {
  if (inode === '0' || mode[1] === 'w' || mode[3] !== 'p') return undefined;
  const address = Number.parseInt(from, 16);
  return { address, length: Number.parseInt(to, 16) - address };
}
