import { describe, expect, it } from 'vitest';
import { parseRegistryName } from './image-names.ts';

describe('parseRegistryName', () => {
  it('gives a component its own name and the one that `docker run` asks for', () => {
    expect(parseRegistryName('redis')).toEqual({
      reference: 'docker.io/orlop/redis:latest',
      names: ['library/redis:latest', 'orlop/redis:latest'],
    });
  });

  it('gives an image of another registry the last part of its name', () => {
    expect(parseRegistryName('ghcr.io/team/app:2')).toEqual({
      reference: 'ghcr.io/team/app:2',
      names: ['library/app:2'],
    });
  });

  it('gives an image the name that is asked for', () => {
    expect(parseRegistryName('redis=redis:8').names).toEqual(['library/redis:8']);
    expect(parseRegistryName('orlop/redis=team/cache').names).toEqual(['team/cache:latest']);
  });

  it('refuses names that no mirror of Docker Hub is asked for', () => {
    expect(() => parseRegistryName('redis=ghcr.io/team/redis')).toThrow('ghcr.io is another');
    const digest = `sha256:${'0'.repeat(64)}`;
    expect(() => parseRegistryName(`redis@${digest}`)).toThrow('a name with a tag is needed');
  });
});
