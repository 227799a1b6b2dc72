import { expect, test } from 'vitest';
import { parseDeletedStatus, parseTaskExit } from './containerd-events.ts';

const time = '2026-11-24 23:05:11.016318586 +0000 UTC';

test('parseTaskExit reads the end of a container', () => {
  const line = `${time} services.linuxkit /tasks/exit {"container_id":"redis","id":"redis","pid":313,"exit_status":137,"exited_at":{}}`;
  expect(parseTaskExit(line)).toEqual({
    namespace: 'services.linuxkit',
    container: 'redis',
    exitStatus: 137,
  });
});

test('parseTaskExit takes a missing status as 0, since containerd leaves out zeros', () => {
  const line = `${time} moby /tasks/exit {"container_id":"a","id":"a","pid":1}`;
  expect(parseTaskExit(line)?.exitStatus).toBe(0);
});

test('parseTaskExit knows the end of a further process from that of the container', () => {
  const line = `${time} services.linuxkit /tasks/exit {"container_id":"redis","id":"check-1","pid":9}`;
  expect(parseTaskExit(line)).toBeUndefined();
});

test.each(['', 'nonsense', `${time} x /tasks/start {"container_id":"a"}`, `${time} x /tasks/exit {broken`])(
  'parseTaskExit says nothing about %j',
  (line) => {
    expect(parseTaskExit(line)).toBeUndefined();
  },
);

test('parseDeletedStatus finds the status in the warning, and takes silence as 0', () => {
  const warning =
    'time="2026-11-25T00:28:00Z" level=warning msg="task doomed exit with non-zero exit code 7"\n';
  expect(parseDeletedStatus(warning)).toBe(7);
  expect(parseDeletedStatus('')).toBe(0);
});
