import { describe, expect, test } from 'vitest';
import { parseJson, printJson } from './json-integers.ts';

describe('parseJson and printJson', () => {
  test('carry 64-bit integers through unchanged', () => {
    const text = '{"rlimits":[{"hard":18446744073709551615,"soft":-9223372036854775808}]}';
    expect(printJson(parseJson(text)).replace(/\s/g, '')).toBe(text);
  });

  test('leave the digits of fractions and powers of ten alone', () => {
    const text = '{"a":[0.12345678901234567890,1e10,-1234567890123456789.5]}';
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  test('leave digits inside strings and escaped quotes alone', () => {
    const text = '{"env":["ID=18446744073709551615","a\\"12345678901234567890\\""]}';
    expect(JSON.parse(printJson(parseJson(text)))).toEqual(JSON.parse(text));
  });
});
