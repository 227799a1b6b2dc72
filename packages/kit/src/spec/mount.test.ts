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

  it('gives a bind mount the option that makes it one', () => {
    const bind = { type: 'bind', source: 'data', destination: '/data' };
    expect(completeMount({ ...bind, options: ['ro'] })).toMatchObject({
      value: { options: ['ro', 'rbind'] },
    });
    expect(completeMount(bind)).toMatchObject({ value: { options: ['rbind'] } });
    for (const options of [['bind'], ['rbind', 'ro']])
      expect(completeMount({ ...bind, options })).toMatchObject({ value: { options } });
  });
});
