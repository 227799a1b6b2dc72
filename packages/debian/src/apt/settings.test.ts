import { describe, expect, it } from 'vitest';
import { formatAptConfiguration } from './settings.ts';

describe('formatAptConfiguration', () => {
  const settings = { architecture: 'amd64', status: '/s', acquire: [] };

  it('takes any folder but one whose name would end its quotation', () => {
    const folder = "/a,b;c:d/sp ace/q'uo/b\\s/$x/100%/{x}/größe/#x/*";
    expect(formatAptConfiguration({ ...settings, folder })).toContain(`Dir "${folder}/";`);
    for (const name of ['/we"ird', '/new\nline']) {
      expect(() => formatAptConfiguration({ ...settings, folder: name })).toThrow(
        expect.objectContaining({ code: 'debian.bad-setting', hint: expect.stringContaining('ORLOP_HOME') }),
      );
    }
  });
});
