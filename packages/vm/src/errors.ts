import { defineErrors } from '@orlop/core';

export const vmError = defineErrors({
  'vm.bad-spec': 'invalid',
  'vm.no-image': 'not-found',
  'vm.not-found': 'not-found',
  'vm.exists': 'conflict',
  'vm.running': 'conflict',
  'vm.not-running': 'conflict',
  'vm.console-busy': 'conflict',
  'vm.port-busy': 'conflict',
  'vm.tool-missing': 'unavailable',
  'vm.firmware-missing': 'unavailable',
  'vm.accelerator-unusable': 'unavailable',
  'vm.bad-state': 'integrity',
  'vm.start-failed': 'failed',
  'vm.died': 'failed',
  'vm.disk-failed': 'failed',
  'vm.qmp-failed': 'failed',
  'vm.qmp-closed': 'unavailable',
  'vm.timeout': 'timeout',
  'vm.cancelled': 'cancelled',
});
