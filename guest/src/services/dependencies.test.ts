import { expect, test } from 'vitest';
import { stopOrder } from './dependencies.ts';

test('stopOrder puts each service before those it depends on', () => {
  const order = stopOrder([
    { name: 'web', dependsOn: [{ name: 'db', condition: 'started' }] },
    { name: 'db', dependsOn: [{ name: 'disk', condition: 'started' }] },
    { name: 'disk', dependsOn: [] },
  ]);
  expect(order).toEqual(['web', 'db', 'disk']);
});

test('stopOrder ends on a ring, with every name once', () => {
  const order = stopOrder([
    { name: 'a', dependsOn: [{ name: 'b', condition: 'started' }] },
    { name: 'b', dependsOn: [{ name: 'a', condition: 'started' }] },
  ]);
  expect(order.toSorted()).toEqual(['a', 'b']);
});
