import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/proxy/duration.js';

describe('a duration', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['900s', 900],
    ['15m', 900],
    ['15m0s', 900],
    ['1h30m', 5400],
    ['1.5h', 5400],
    ['1m1.9s', 61],
    ['2500ms', 2],
    ['+3s', 3],
    ['.5m', 30],
  ])('%s is %d whole seconds', (text, seconds) => {
    expect(parseDuration(text, 'x')).toBe(seconds);
  });

  it.each(['', '15', '-1s', '1d', '1s ', 's', '1 s', '9999999h', 900, null, undefined])(
    'is refused: %o',
    (text) => {
      expect(() => parseDuration(text, 'ipvs.tcpTimeout')).toThrow(
        /^ipvs\.tcpTimeout: expected a duration that is not negative/,
      );
    },
  );
});
