import { defineErrors } from '@orlop/core';

export const engineError = defineErrors({
  'engine.bad-name': 'invalid',
  'engine.bad-setting': 'invalid',
  'engine.setting-locked': 'denied',
  'engine.not-running': 'conflict',
  'engine.busy': 'conflict',
  'engine.start-cancelled': 'cancelled',
  'engine.stage-timeout': 'timeout',
  'engine.machine-ended': 'failed',
  'engine.docker-unreachable': 'unavailable',
  'engine.docker-failed': 'failed',
  'engine.no-image': 'not-found',
  'engine.socket-busy': 'conflict',
  'engine.disk-shrink': 'invalid',
  'engine.not-ours': 'conflict',
  'daemon.start-failed': 'failed',
  'daemon.not-running': 'unavailable',
  'daemon.running': 'conflict',
});
