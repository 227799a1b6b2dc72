import { expect, test } from 'vitest';
import { parseContainerdOptions } from './containerd-options.ts';
import { parseServiceOptions } from './options.ts';

test('parseServiceOptions makes a LinuxKit service of a missing or broken file', () => {
  const plain = parseServiceOptions(undefined);
  expect(plain).toEqual({
    restart: { policy: 'no', maxRetries: Number.POSITIVE_INFINITY, delayMs: 1000, maxDelayMs: 60_000 },
    dependsOn: [],
    health: undefined,
    onFailure: 'continue',
  });
  expect(parseServiceOptions('{broken')).toEqual(plain);
  expect(parseServiceOptions('[1]')).toEqual(plain);
});

test('parseServiceOptions reads what the composer writes', () => {
  const options = parseServiceOptions(
    JSON.stringify({
      restart: { policy: 'on-failure', maxRetries: 5, delayMs: 200, maxDelayMs: 400 },
      dependsOn: [{ name: 'db', condition: 'healthy' }],
      health: { command: ['ping'], intervalMs: 10, timeoutMs: 20, retries: 4, startPeriodMs: 30 },
      onFailure: 'stop',
    }),
  );
  expect(options.restart).toEqual({ policy: 'on-failure', maxRetries: 5, delayMs: 200, maxDelayMs: 400 });
  expect(options.dependsOn).toEqual([{ name: 'db', condition: 'healthy' }]);
  expect(options.health).toEqual({
    command: ['ping'],
    intervalMs: 10,
    timeoutMs: 20,
    retries: 4,
    startPeriodMs: 30,
  });
  expect(options.onFailure).toBe('stop');
});

test('parseContainerdOptions reads the three texts of runtime-config.toml', () => {
  const text = 'cliopts = "--log-level debug"\n# a comment\nstderr = \'/var/log/c.err\'\nother = "x"\n';
  expect(parseContainerdOptions(text, '/log')).toEqual({
    arguments: ['--log-level', 'debug'],
    stdout: '/log',
    stderr: '/var/log/c.err',
  });
});
