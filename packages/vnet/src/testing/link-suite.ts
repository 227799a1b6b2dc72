import { seededRandom } from '@orlop/testkit';
import { expect, it } from 'vitest';
import { copyFrame, type Link, type LinkHandler } from '../link/link.ts';

/** Two ends of one kind of link, not open yet. */
export interface LinkUnderTest {
  readonly near: Link;
  readonly far: Link;
  /** Lets events happen until the condition holds. */
  until(condition: () => boolean): Promise<void>;
  /** Whether an end learns that the other has gone: datagram sockets do not. */
  readonly noticesClose: boolean;
}

class Recorder implements LinkHandler {
  readonly frames: string[] = [];
  batches = 0;
  drained = 0;
  closed: string | undefined = undefined;

  onFrame(buffer: Uint8Array, offset: number, length: number): void {
    this.frames.push(Buffer.from(buffer.slice(offset, offset + length)).toString('base64'));
  }
  onBatchEnd(): void {
    this.batches++;
  }
  onDrained(): void {
    this.drained++;
  }
  onClosed(reason: string): void {
    this.closed = reason;
  }
}

/** What every link does, whatever it is made of. */
export function describeLink(open: () => Promise<LinkUnderTest>): void {
  async function opened() {
    const under = await open();
    const [near, far] = [new Recorder(), new Recorder()];
    under.near.open(near);
    under.far.open(far);
    return { ...under, atNear: near, atFar: far };
  }

  function randomFrame(length: number, seed: number): Uint8Array {
    const frame = new Uint8Array(length);
    seededRandom(seed).fill(frame);
    return frame;
  }

  const text = (frame: Uint8Array) => Buffer.from(frame).toString('base64');

  it('carries frames of every size both ways, unchanged and in order', async () => {
    const { near, far, atNear, atFar, until } = await opened();
    const frames = [14, 15, 60, 96, 97, 1514, 9014, 65_534].map(randomFrame);
    for (const frame of frames) {
      expect(copyFrame(near, frame, 0, frame.length)).toBe(true);
      near.flush();
      await until(() => atFar.frames.at(-1) === text(frame));
      expect(copyFrame(far, frame, 0, frame.length)).toBe(true);
      far.flush();
      await until(() => atNear.frames.at(-1) === text(frame));
    }
    expect(atFar.frames).toEqual(frames.map(text));
    expect(atNear.frames).toEqual(frames.map(text));
    expect(near.counters).toMatchObject({ framesOut: 8, framesIn: 8 });
    near.close();
    far.close();
  });

  it('says no when it is full, tells when there is room, and loses nothing that it took', async () => {
    const { near, far, atNear, atFar, until } = await opened();
    const frame = randomFrame(1514, 7);
    const total = 5000;
    let sent = 0;
    let refused = 0;
    while (sent < total) {
      if (copyFrame(near, frame, 0, frame.length)) {
        sent++;
        continue;
      }
      refused++;
      const before = atNear.drained;
      near.flush();
      await until(() => atNear.drained > before);
    }
    near.flush();
    await until(() => atFar.frames.length === total);
    expect(refused).toBeGreaterThan(0);
    expect(atFar.frames.every((one) => one === atFar.frames[0])).toBe(true);
    near.close();
    far.close();
  });

  it('ends with the other end, and once', async () => {
    const { near, far, atNear, until, noticesClose } = await opened();
    if (!noticesClose) {
      far.close();
      expect(copyFrame(near, randomFrame(60, 1), 0, 60)).toBe(true);
      near.close();
      return;
    }
    far.close();
    await until(() => atNear.closed !== undefined);
    expect(atNear.closed).toBe('the other side closed');
  });
}
