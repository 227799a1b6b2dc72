import { describe, expect, it } from 'vitest';
import { FakeQemu } from '../testing/fake-qemu.ts';
import { QmpClient, type QmpEvent } from './qmp-client.ts';

describe('QmpClient', () => {
  it('negotiates, and matches answers that come in another order by their ids', async () => {
    const held: string[] = [];
    const qemu = new FakeQemu((command, id) => {
      held.unshift(`{"return": "${command}", "id": ${id}}\n`);
      return held.length === 2 ? held.join('') : undefined;
    });
    const qmp = await QmpClient.connect(qemu);
    expect(await Promise.all([qmp.execute('a'), qmp.execute('b')])).toEqual(['a', 'b']);
    expect(qmp.version).toEqual({ major: 7, minor: 2, micro: 22 });
    qmp.close();
  });

  it('gives events in order, also when lines come in pieces', async () => {
    const events: QmpEvent[] = [];
    const qemu = new FakeQemu((_, id) => `{"return": {}, "id": ${id}}\n`);
    const qmp = await QmpClient.connect(qemu, { onEvent: (event) => events.push(event) });
    qemu.say('{"event": "STOP", "timestamp": {"seconds": 1, "micro');
    qemu.say('seconds": 2}}\n{"event": "RESUME", "timestamp": {"seconds": 1, "microseconds": 3}}\n');
    await qmp.execute('query-status');
    expect(events.map((event) => event.event)).toEqual(['STOP', 'RESUME']);
    qmp.close();
  });

  it('fails a command with what QEMU says', async () => {
    const qemu = new FakeQemu(
      (_, id) => `{"error": {"class": "GenericError", "desc": "no such"}, "id": ${id}}\n`,
    );
    const qmp = await QmpClient.connect(qemu);
    await expect(qmp.execute('x')).rejects.toMatchObject({
      code: 'vm.qmp-failed',
      message: 'QEMU refused "x": no such',
    });
    qmp.close();
  });

  it('fails every command under way when the stream ends', async () => {
    const qemu = new FakeQemu(() => undefined);
    const qmp = await QmpClient.connect(qemu);
    const answers = [qmp.execute('a'), qmp.execute('b')];
    qemu.destroy();
    for (const answer of await Promise.allSettled(answers)) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'vm.qmp-closed' } });
    }
    await expect(qmp.execute('c')).rejects.toMatchObject({ code: 'vm.qmp-closed' });
  });

  it('gives up on a monitor that does not greet, and on a command without an answer', async () => {
    await expect(
      QmpClient.connect(new FakeQemu(() => undefined, ''), { timeoutMs: 1 }),
    ).rejects.toMatchObject({
      code: 'vm.timeout',
    });
    const qmp = await QmpClient.connect(new FakeQemu(() => undefined), { timeoutMs: 1 });
    await expect(qmp.execute('a')).rejects.toMatchObject({ code: 'vm.timeout' });
    qmp.close();
  });

  it.each(['SSH-2.0\n', 'null\n', '7\n'])('refuses what is not QMP: %j', async (greeting) => {
    await expect(QmpClient.connect(new FakeQemu(() => undefined, greeting))).rejects.toMatchObject({
      code: 'vm.qmp-closed',
    });
  });
});
