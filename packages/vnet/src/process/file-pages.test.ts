import { describe, expect, it } from 'vitest';
import { unchangedFilePages } from './file-pages.ts';

const map = (head: string, { rss = 8, anonymous = 0 } = {}) => `${head}
Size:                 16 kB
Rss:                  ${rss} kB
Private_Dirty:         0 kB
Anonymous:             ${anonymous} kB
LazyFree:              0 kB
VmFlags: rd ex mr mw me
`;

describe('unchangedFilePages', () => {
  it('names the text and the constants of a program', () => {
    const smaps =
      map('55d0c0e00000-55d0c0e04000 r--p 00000000 fe:00 8912 /usr/bin/node') +
      map('55d0c0e04000-55d0c2000000 r-xp 00004000 fe:00 8912 /usr/bin/node');
    expect(unchangedFilePages(smaps)).toEqual([
      { address: 0x55d0c0e00000, length: 0x4000 },
      { address: 0x55d0c0e04000, length: 0x11fc000 },
    ]);
  });

  it.each([
    { what: 'memory of no file', text: map('7f0000000000-7f0000004000 rw-p 00000000 00:00 0') },
    { what: 'readable memory of no file', text: map('7f0000000000-7f0000004000 r--p 00000000 00:00 0') },
    { what: 'what the kernel maps', text: map('7ffd1000-7ffd3000 r-xp 00000000 00:00 0 [vdso]') },
    { what: 'data that may be written', text: map('7f0000000000-7f0000004000 rw-p 0 fe:00 7 /usr/lib/a.so') },
    { what: 'a file that others see', text: map('7f0000000000-7f0000004000 r--s 0 fe:00 7 /tmp/shared') },
    {
      what: 'pages that were changed before they were closed to writing',
      text: map('7f0000000000-7f0000004000 r--p 0 fe:00 7 /usr/lib/a.so', { anonymous: 4 }),
    },
    {
      what: 'what is not resident',
      text: map('7f0000000000-7f0000004000 r--p 0 fe:00 7 /usr/lib/a.so', { rss: 0 }),
    },
    { what: 'nothing', text: '' },
    { what: 'a text of another kind', text: 'Anonymous: 0 kB\nRss: 4 kB\nAnonymous:             0 kB\n' },
  ])('leaves $what', ({ text }) => {
    expect(unchangedFilePages(text)).toEqual([]);
  });
});
