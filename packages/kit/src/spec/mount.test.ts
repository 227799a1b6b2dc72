import { describe, expect, it } from 'vitest';
import { completeMount } from './mount.ts';

describe('completeMount', () => {
  it.each(['tmpfs', 'constructor', '__proto__', 'toString'])(
    'knows no destination of the type %s',
    (type) => {
      expect(completeMount({ type })).toEqual({ message: `mount type ${type} is missing destination` });
    },
  );

  it('knows the destination of the kernel’s own file systems, and their type by their source', () => {
    expect(completeMount({ type: 'proc' })).toMatchObject({
      value: { destination: '/proc', source: 'proc' },
    });
    expect(completeMount({ source: 'devpts' })).toMatchObject({
      value: { destination: '/dev/pts', type: 'devpts' },
    });
  });
});
