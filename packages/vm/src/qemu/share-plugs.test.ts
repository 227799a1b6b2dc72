import { describe, expect, it } from 'vitest';
import { connectedSockets } from './share-plugs.ts';

describe('connectedSockets', () => {
  it('names the sockets that have another side', () => {
    // As QEMU 7.2 says it.
    const chardevs = [
      { 'frontend-open': false, filename: 'unix:', label: 'share0' },
      { 'frontend-open': false, filename: 'disconnected:unix:share1-67f52ac3b378.sock', label: 'share2' },
      { 'frontend-open': true, filename: 'disconnected:unix:console.sock,server=on', label: 'console' },
    ];
    expect([...connectedSockets(chardevs)]).toEqual(['share0']);
  });

  it('names none where QEMU says nothing of the kind', () => {
    expect([...connectedSockets({}), ...connectedSockets([{ label: 'share0' }])]).toEqual([]);
  });
});
