import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChange } from './apply-in-memory.ts';
import { type ReconcileInput, reconcile, type SyncMode } from './reconcile.ts';
import { emptyFolder, modeOf, type SyncFolder, type SyncNode, setNode, walkTree } from './sync-tree.ts';

/** `text` a file, `>target` a link, `+` a folder; `!` before a name: opaque. */
function tree(entries: Readonly<Record<string, string>>): SyncFolder {
  const root = emptyFolder();
  for (const [path, text] of Object.entries(entries)) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const above = parts.slice(0, depth).join('/');
      if (entries[above] === undefined && !has(root, above)) setNode(root, above, emptyFolder());
    }
    setNode(root, path, node(text));
  }
  return root;
}

function node(text: string): SyncNode {
  if (text === '+') return emptyFolder();
  if (text === '?') return { kind: 'unknown' };
  if (text === '!') return { ...emptyFolder(), opaque: true };
  if (text.startsWith('>')) return { kind: 'link', target: text.slice(1) };
  const mode = text.endsWith('*') ? 0o755 : 0o644;
  return { kind: 'file', mode, digest: text.replace('*', ''), sizeBytes: text.length };
}

function show(root: SyncFolder): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [path, one] of walkTree(root)) {
    if (one.kind === 'file') shown[path] = one.digest + (one.mode === 0o755 ? '*' : '');
    else if (one.kind === 'link') shown[path] = `>${one.target}`;
    else if (one.kind === 'unknown') shown[path] = '?';
    else shown[path] = one.opaque === true ? '!' : '+';
  }
  return shown;
}

const has = (root: SyncFolder, path: string) => [...walkTree(root)].some(([one]) => one === path);
const copy = (root: SyncFolder): SyncFolder => structuredClone(root);

const asideName: ReconcileInput['asideName'] = (name, side, attempt) => `${name}.${side}${attempt || ''}`;

/** Carries out what is said until nothing is; the ancestor follows. */
function settle(start: { ancestor: SyncFolder; host: SyncFolder; machine: SyncFolder; mode?: SyncMode }) {
  const [ancestor, host, machine] = [copy(start.ancestor), copy(start.host), copy(start.machine)];
  const mode = start.mode ?? 'two-way';
  for (let round = 0; round < 8; round++) {
    const plan = reconcile({ ancestor, host, machine, asideName, mode });
    for (const [path, agreed] of plan.agreed) {
      setNode(ancestor, path, keepChildren(ancestor, path, agreed));
    }
    if (plan.host.length + plan.machine.length === 0) return { ancestor, host, machine, rounds: round };
    for (const change of plan.host) expect(applyChange(host, change)).toBe(true);
    for (const change of plan.machine) expect(applyChange(machine, change)).toBe(true);
  }
  throw new Error('it does not settle');
}

function keepChildren(root: SyncFolder, path: string, agreed: SyncNode | undefined): SyncNode | undefined {
  const before = [...walkTree(root)].find(([one]) => one === path)?.[1];
  if (agreed?.kind === 'folder' && before?.kind === 'folder') return { ...agreed, children: before.children };
  return agreed;
}

function outcome(
  ancestor: Record<string, string>,
  host: Record<string, string>,
  machine: Record<string, string>,
  mode: SyncMode = 'two-way',
) {
  const end = settle({ ancestor: tree(ancestor), host: tree(host), machine: tree(machine), mode });
  return { host: show(end.host), machine: show(end.machine), ancestor: show(end.ancestor) };
}

describe('reconcile', () => {
  it.each([
    ['a new file', {}, { a: 'x' }, {}, { a: 'x' }],
    ['an edit', { a: 'x' }, { a: 'x' }, { a: 'y' }, { a: 'y' }],
    ['a removal', { a: 'x', b: 'y' }, { b: 'y' }, { a: 'x', b: 'y' }, { b: 'y' }],
    ['another mode', { a: 'x' }, { a: 'x' }, { a: 'x*' }, { a: 'x*' }],
    ['mode here, content there', { a: 'x' }, { a: 'x*' }, { a: 'y' }, { a: 'x*', 'a.machine': 'y' }],
    ['a link', { a: '>x' }, { a: '>x' }, { a: '>y' }, { a: '>y' }],
    ['an empty folder', {}, {}, { d: '+' }, { d: '+' }],
    ['a folder gone', { 'd/a': 'x', 'd/e/b': 'y' }, {}, { 'd/a': 'x', 'd/e/b': 'y' }, {}],
    ['a file become a folder', { a: 'x' }, { 'a/b': 'y' }, { a: 'x' }, { a: '+', 'a/b': 'y' }],
    ['a folder become a file', { 'a/b': 'y' }, { 'a/b': 'y' }, { a: 'x' }, { a: 'x' }],
    ['a file become a link', { a: 'x' }, { a: '>z' }, { a: 'x' }, { a: '>z' }],
    ['both the same', {}, { a: 'x' }, { a: 'x' }, { a: 'x' }],
    ['both gone', { a: 'x' }, {}, {}, {}],
  ])('carries over %s', (_, ancestor, host, machine, wanted) => {
    const end = outcome(ancestor, host, machine);
    expect(end).toEqual({ host: wanted, machine: wanted, ancestor: wanted });
  });

  it.each([
    ['an edit on both sides', { a: 'x' }, { a: 'y' }, { a: 'z' }, { a: 'y', 'a.machine': 'z' }],
    ['two new files', {}, { a: 'y' }, { a: 'z' }, { a: 'y', 'a.machine': 'z' }],
    [
      'a name that is taken',
      {},
      { a: 'y', 'a.machine': 'w' },
      { a: 'z' },
      { a: 'y', 'a.machine': 'w', 'a.machine1': 'z' },
    ],
    ['an edit here and a removal there', { a: 'x' }, { a: 'y' }, {}, { a: 'y' }],
    ['a removal here and an edit there', { a: 'x' }, {}, { a: 'y' }, { a: 'y' }],
    [
      'a folder gone, one of its files edited',
      { 'd/a': 'x', 'd/b': 'y' },
      {},
      { 'd/a': 'x', 'd/b': 'z' },
      { d: '+', 'd/b': 'z' },
    ],
    [
      'a folder that became a file, and a file made in it',
      { 'd/a': 'x' },
      { d: 'f' },
      { 'd/a': 'x', 'd/b': 'n' },
      { d: 'f', 'd.machine': '+', 'd.machine/a': 'x', 'd.machine/b': 'n' },
    ],
    [
      'a file made in it, and a folder that became a file',
      { 'd/a': 'x' },
      { 'd/a': 'x', 'd/b': 'n' },
      { d: 'f' },
      { d: '+', 'd/a': 'x', 'd/b': 'n', 'd.machine': 'f' },
    ],
  ])('loses nothing of %s', (_, ancestor, host, machine, wanted) => {
    expect(outcome(ancestor, host, machine).host).toEqual(wanted);
    expect(outcome(ancestor, host, machine).machine).toEqual(wanted);
  });

  it('keeps a folder that holds what is not kept in step, and makes room beside it', () => {
    const gone = settle({ ancestor: tree({ 'd/a': 'x' }), host: tree({}), machine: opaque({ 'd/a': 'x' }) });
    expect([show(gone.host), show(gone.machine)]).toEqual([{ d: '+' }, { d: '!' }]);
    const file = settle({
      ancestor: tree({ 'd/a': 'x' }),
      host: tree({ d: 'f' }),
      machine: opaque({ 'd/a': 'x' }),
    });
    expect(show(file.machine)).toMatchObject({ d: 'f', 'd.machine': '!' });
  });

  it.each([
    ['a file that cannot be read', { a: 'x' }, { a: '?' }, { a: 'x' }],
    [
      'a folder that cannot be read',
      { 'd/a': 'x', 'd/b': 'y' },
      { d: '?' },
      { d: '+', 'd/a': 'x', 'd/b': 'y' },
    ],
    ['a socket where the other side has a file', {}, { a: '?' }, { a: 'x' }],
  ])('does nothing with %s', (_, ancestor, host, machine) => {
    expect(outcome(ancestor, host, machine)).toMatchObject({ host, machine });
  });

  it('leaves a folder that holds what cannot be read', () => {
    const { host, machine } = outcome({ 'd/a': 'x' }, { d: '+', 'd/a': 'x', 'd/s': '?' }, {});
    expect([host, machine]).toEqual([{ d: '+', 'd/s': '?' }, { d: '+' }]);
  });

  it('leaves the host alone where it is one-way, and still loses nothing in the machine', () => {
    const end = outcome({ a: 'x', b: 'x' }, { a: 'y', b: 'x' }, { a: 'z', c: 'own' }, 'one-way');
    expect(end.host).toEqual({ a: 'y', b: 'x' });
    expect(end.machine).toEqual({ a: 'y', 'a.machine': 'z', c: 'own' });
  });

  const name = fc.constantFrom('a', 'b', 'c');
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  const edit = fc.record({
    path,
    text: fc.oneof(
      fc.nat(9).map(String),
      fc.nat(4).map((n) => `${n}*`),
      fc.constantFrom('>a', '+', 'gone'),
    ),
  });
  const edits = fc.array(edit, { maxLength: 12 });

  /** What a person might do to a tree; each file's text says which side wrote it, so that versions can be told apart. */
  function edited(
    start: SyncFolder,
    list: readonly { path: string; text: string }[],
    who: string,
  ): SyncFolder {
    const root = copy(start);
    for (const [index, { path: at, text }] of list.entries()) {
      if (text === 'gone') setNode(root, at, undefined);
      else if (text === '+') {
        if (!has(root, at)) setNode(root, at, node('+'));
      } else setNode(root, at, node(text.startsWith('>') ? text : `${who}${index}${text}`));
    }
    return root;
  }

  it('comes to the same on both sides, with every version that only one side had, and then rests', () => {
    fc.assert(
      fc.property(edits, edits, edits, fc.boolean(), (base, onHost, onMachine, known) => {
        const before = edited(emptyFolder(), base, 'base');
        const host = edited(before, onHost, 'host');
        const machine = edited(before, onMachine, 'machine');
        const end = settle({ ancestor: known ? before : emptyFolder(), host, machine });
        expect(show(end.host)).toEqual(show(end.machine));
        expect(show(end.ancestor)).toEqual(show(end.host));
        const last = new Set(Object.values(show(end.host)).map((text) => text.replace('*', '')));
        for (const [side, root] of [
          ['host', host],
          ['machine', machine],
        ] as const) {
          for (const [, one] of walkTree(root)) {
            if (one.kind === 'file' && one.digest.startsWith(side)) expect(last).toContain(one.digest);
          }
        }
        // What neither side has touched is still there, as it was.
        for (const [at, one] of walkTree(before)) {
          const both = [host, machine].map((root) => show(root)[at]);
          if (one.kind !== 'file' || both[0] !== both[1] || both[0] !== show(before)[at]) continue;
          expect(show(end.host)[at]).toBe(show(before)[at]);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('never says anything of the host where it is one-way, and brings all that the host has', () => {
    fc.assert(
      fc.property(edits, edits, edits, (base, onHost, onMachine) => {
        const before = edited(emptyFolder(), base, 'base');
        const host = edited(before, onHost, 'host');
        const machine = edited(before, onMachine, 'machine');
        const end = settle({ ancestor: before, host, machine, mode: 'one-way' });
        expect(show(end.host)).toEqual(show(host));
        const last = new Set(Object.values(show(end.machine)).map((text) => text.replace('*', '')));
        for (const [, one] of walkTree(machine)) {
          if (one.kind === 'file' && one.digest.startsWith('machine')) expect(last).toContain(one.digest);
        }
        for (const [at, one] of walkTree(host)) {
          if (one.kind === 'file' && one.digest.startsWith('host'))
            expect(show(end.machine)[at]).toBe(show(host)[at]);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('names in each change what it takes for granted there', () => {
    const host = tree({ a: 'y', b: 'x' });
    const machine = tree({ a: 'x', b: 'x' });
    const { machine: changes } = reconcile({ ancestor: tree({ a: 'x', b: 'x' }), host, machine, asideName });
    expect(changes).toEqual([
      { kind: 'file', path: 'a', file: host.children.get('a'), of: machine.children.get('a') },
    ]);
    expect(modeOf(host.children.get('a'))).toBe(0o644);
  });
});

function opaque(entries: Record<string, string>): SyncFolder {
  const root = tree(entries);
  const folder = root.children.get('d');
  if (folder?.kind === 'folder') root.children.set('d', { ...folder, opaque: true });
  return root;
}
