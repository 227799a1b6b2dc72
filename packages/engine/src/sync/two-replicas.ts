import { type AncestorStore, agree } from './ancestor-store.ts';
import { applyChange } from './apply-in-memory.ts';
import { EXCLUDE_FILE, ExcludeRules } from './exclude-rules.ts';
import type { GuestCopy } from './guest-copy.ts';
import type { HostTree } from './host-tree.ts';
import { type Change, reconcile, type Side } from './reconcile.ts';
import { Replica } from './replica.ts';
import type { SyncSetting } from './sync-settings.ts';
import type { Outcome } from './sync-side.ts';
import { countNodes, nodeAt, type SyncNode, walkTree } from './sync-tree.ts';
import { transfer } from './transfer.ts';

export interface TwoReplicasOptions {
  readonly setting: SyncSetting;
  readonly host: HostTree;
  readonly copy: GuestCopy;
  readonly store: AncestorStore;
  readonly wallMs: () => number;
  readonly onProgress: (done: number, total: number) => void;
}

/** Why nothing is done any more until somebody says that it is meant. */
export class SafetyStop extends Error {}

/** A name that {@link asideName} has made. */
export const ASIDE = /\.conflict-(host|machine)-\d{8}-\d{6}(?:-\d+)?$/;
/** An empty side that had so many names is more likely unmounted than emptied. */
const SUDDENLY_EMPTY = 2;
const ROUNDS = 4;
/** NAME_MAX of the file systems of Linux. */
const MAX_NAME_BYTES = 255;

/** Both sides of one synchronised share and what they last agreed on, for as long as the machine can be reached. */
export class TwoReplicas {
  readonly #options: TwoReplicasOptions;
  readonly host: Replica;
  readonly machine: Replica;
  /** Where something has happened that was not looked at yet. */
  readonly dirty: Readonly<Record<Side, Set<string>>> = { host: new Set(), machine: new Set() };
  /** What could not be done, by its path. */
  readonly problems = new Map<string, string>();
  /** In the order in which it came: a folder that went and came again holds nothing of before. */
  #agreed: (readonly [string, SyncNode | undefined])[] = [];
  #committing: Promise<void> | undefined;
  #rules = new ExcludeRules([]);
  #ruleText = '';
  /** The next look is at everything. */
  #isStale = true;
  #isLookDue = false;
  carried = 0;

  constructor(options: TwoReplicasOptions) {
    this.#options = options;
    const { host, copy, store } = options;
    const replica = (side: HostTree | GuestCopy, place: 0 | 1) =>
      new Replica({
        side,
        excludes: (path, isFolder) => this.#rules.excludes(path, isFolder),
        known: (path, hint) => {
          const node = nodeAt(store.root, path);
          return node?.kind === 'file' && node.hint?.split(' ')[place] === hint ? node.digest : undefined;
        },
      });
    this.host = replica(host, 0);
    this.machine = replica(copy, 1);
  }

  get isDirty(): boolean {
    return this.#isStale || this.dirty.host.size + this.dirty.machine.size > 0;
  }

  get isRecorded(): boolean {
    return this.#agreed.length === 0 && this.#committing === undefined;
  }

  /** Everything is looked at in the next turn. */
  distrust(): void {
    this.#isStale = true;
  }

  /** Everything is looked at in the next turn, or not: what has happened by then, or happens meanwhile, goes first. */
  lookAgain(): void {
    this.#isLookDue = true;
  }

  /**
   * Looks at what has changed and brings both sides together. Resolves when nothing is left to do that can be done now.
   * @throws SafetyStop unless `acceptEmpty`
   */
  async turn(signal: AbortSignal, { acceptEmpty = false } = {}): Promise<void> {
    await this.#look();
    if (!acceptEmpty) this.#requireBoth();
    for (let round = 0; round < ROUNDS; round++) {
      const { setting, store } = this.#options;
      const plan = reconcile({
        ancestor: store.root,
        host: this.host.tree,
        machine: this.machine.tree,
        mode: setting.mode,
        asideName: (name, side, attempt) => this.asideName(name, side, attempt),
      });
      for (const [path, node] of plan.agreed) {
        agree(store.root, path, node);
        this.#agreed.push([path, node]);
      }
      const total = plan.host.length + plan.machine.length;
      if (total === 0) return;
      const before = this.carried;
      await this.#carry('machine', plan.machine, { total, signal });
      await this.#carry('host', plan.host, { total, signal });
      this.#options.onProgress(0, 0);
      // What did not work works when something has changed again.
      if (this.carried === before) return;
    }
  }

  /** Begins to write down what both sides agree on, when both disks have it; one at a time. */
  commit(): Promise<void> {
    if (this.#committing !== undefined || this.#agreed.length === 0)
      return this.#committing ?? Promise.resolve();
    const { copy, host, store } = this.#options;
    const agreed = this.#agreed;
    this.#agreed = [];
    const generation = store.generation + 1;
    const work = Promise.all([copy.commit(generation), host.commit()])
      .then(() => store.record(agreed, generation))
      .finally(() => {
        this.#committing = undefined;
      });
    this.#committing = work;
    return work;
  }

  /** Versions that were set aside, on either side. */
  conflicts(): string[] {
    const found = new Set<string>();
    for (const { tree } of [this.host, this.machine]) {
      for (const [path] of walkTree(tree)) if (ASIDE.test(path)) found.add(path);
    }
    return [...found].sort();
  }

  asideName(name: string, side: Side, attempt = 0): string {
    const at = new Date(this.#options.wallMs()).toISOString();
    const time = at.replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
    const end = `.conflict-${side}-${time}${attempt === 0 ? '' : `-${attempt}`}`;
    return `${beginningOf(name, MAX_NAME_BYTES - end.length)}${end}`;
  }

  async #look(): Promise<void> {
    const isRules = this.dirty.host.has(EXCLUDE_FILE) || this.#isStale;
    if (isRules && (await this.#readRules())) this.#isStale = true;
    const isLookDue = this.#isLookDue;
    this.#isLookDue = false;
    if (this.#isStale) {
      this.dirty.host.clear();
      this.dirty.machine.clear();
      // Who asks for a look at everything while there is one has seen what it may have passed already.
      this.#isStale = false;
      try {
        await this.#lookAtAll(() => false);
      } catch (error) {
        this.#isStale = true;
        throw error;
      }
      return;
    }
    if (isLookDue && (await this.#lookAtAll(() => this.isDirty))) return;
    const take = (side: Side): string[] => {
      const paths = [...this.dirty[side]];
      this.dirty[side].clear();
      return paths;
    };
    const paths = { host: take('host'), machine: take('machine') };
    await Promise.all([
      paths.host.length > 0 && this.host.look(paths.host),
      paths.machine.length > 0 && this.machine.look(paths.machine),
    ]);
  }

  /** @returns whether nothing urgent came in between */
  async #lookAtAll(isUrgent: () => boolean): Promise<boolean> {
    const [host, machine] = await Promise.all([this.host.scan(isUrgent), this.machine.scan(isUrgent)]);
    if (host === 'gone') throw new SafetyStop(`the folder ${this.#options.setting.path} has gone`);
    if (machine === 'gone') throw new SafetyStop('the copy in the machine has gone');
    if (host === 'left' || machine === 'left') return false;
    this.problems.clear();
    return true;
  }

  /** @returns whether the rules are others than before */
  async #readRules(): Promise<boolean> {
    const { host, setting } = this.#options;
    const chunks: Uint8Array[] = [];
    await host.read([EXCLUDE_FILE], async (_, content) => {
      for await (const piece of content?.bytes ?? []) chunks.push(piece);
    });
    const lines = [...setting.exclude, ...Buffer.concat(chunks).toString('utf8').split('\n')];
    const text = lines.join('\n');
    if (text === this.#ruleText) return false;
    this.#ruleText = text;
    this.#rules = new ExcludeRules(lines);
    return true;
  }

  #requireBoth(): void {
    const { store, setting } = this.#options;
    const isEmpty = ({ tree }: Replica) => tree.children.size === 0;
    const [host, machine] = [isEmpty(this.host), isEmpty(this.machine)];
    if (host === machine || countNodes(store.root) < SUDDENLY_EMPTY) return;
    if (host) throw new SafetyStop(`the folder ${setting.path} is empty, and was not before`);
    if (setting.mode === 'two-way') {
      throw new SafetyStop('the copy in the machine is empty, and was not before');
    }
  }

  async #carry(
    side: Side,
    changes: readonly Change[],
    { total, signal }: { readonly total: number; readonly signal: AbortSignal },
  ): Promise<void> {
    if (changes.length === 0) return;
    const { host, copy, onProgress } = this.#options;
    const [from, to] = side === 'machine' ? [host, copy] : [copy, host];
    let done = 0;
    await transfer({
      ...{ from, to, changes, signal },
      onOutcome: (change, outcome) => {
        this.#note(side, change, outcome);
        done++;
        if (done % 100 === 0) onProgress(done, total);
      },
    });
  }

  #note(side: Side, change: Change, outcome: Outcome): void {
    const { path } = change;
    if (outcome.kind === 'done') {
      this.problems.delete(path);
      this.carried++;
      const replica = side === 'host' ? this.host : this.machine;
      if (applyChange(replica.tree, change, outcome.hint)) return;
    } else if (outcome.kind === 'failed') {
      this.problems.set(path, `${change.kind}: ${outcome.reason} (on the ${side})`);
      return;
    }
    this.dirty.host.add(path);
    this.dirty.machine.add(path);
  }
}

/** As much of a text as so many bytes of UTF-8 hold. */
function beginningOf(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  let end = Math.min(maxBytes, bytes.length);
  // Not in the middle of a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
