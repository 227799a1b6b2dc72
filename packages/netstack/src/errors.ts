import { defineErrors } from '@orlop/core';

/** Every failure in operation that this package reports; hostile packets are counted instead. */
export const netstackError = defineErrors({
  'netstack.no-route': 'unavailable',
  'netstack.port-in-use': 'conflict',
  'netstack.no-free-port': 'unavailable',
  'netstack.invalid-option': 'invalid',
  'netstack.refused': 'unavailable',
  'netstack.reset': 'unavailable',
  'netstack.unreachable': 'unavailable',
  'netstack.timeout': 'timeout',
  'netstack.aborted': 'cancelled',
});
