import { defineErrors } from '@orlop/core';

/** Every failure that the virtual network reports; hostile frames are counted instead (see `DropReason`). */
export const vnetError = defineErrors({
  'vnet.config-invalid': 'invalid',
  'vnet.address-invalid': 'invalid',
  'vnet.forward-invalid': 'invalid',
  'vnet.forward-exists': 'conflict',
  'vnet.forward-unknown': 'not-found',
  'vnet.bind-failed': 'conflict',
  'vnet.listen-failed': 'conflict',
  'vnet.link-failed': 'unavailable',
  'vnet.handshake-failed': 'invalid',
  'vnet.native-unavailable': 'unavailable',
  'vnet.system-call-failed': 'failed',
  'vnet.lease-conflict': 'conflict',
  'vnet.lease-file-invalid': 'invalid',
  'vnet.host-unreachable': 'unavailable',
  'vnet.closed': 'cancelled',
  'vnet.request-unknown': 'not-found',
  'vnet.request-invalid': 'invalid',
  'vnet.not-running': 'unavailable',
});
