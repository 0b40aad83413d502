import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noOptions, parseInvocation } from '../../../src/ipset/tool/commands.js';
import { ToolError } from '../../../src/ipset/tool/error.js';
import { compareAsIpset } from '../../../src/ipset/tool/sort.js';
import { isBlank, quoteWord, splitWords } from '../../../src/ipset/tool/words.js';

describe('words of a restore line', () => {
  it('keeps what double quotes hold together, wherever they stand', () => {
    expect(splitWords('add a 10.0.0.1 comment "two  words"')).toEqual([
      'add',
      'a',
      '10.0.0.1',
      'comment',
      'two  words',
    ]);
    expect(splitWords('a"b c"d ""')).toEqual(['ab cd']);
    expect(splitWords('a\\ b')).toEqual(['a\\', 'b']);
  });

  it('refuses a quote that is not closed, and more words than the tool has room for', () => {
    expect(() => splitWords('add a "b')).toThrow('Missing close quote!');
    expect(() => splitWords('x '.repeat(31))).toThrow('Line is too long to parse.');
  });

  it('gives back the words that were quoted', () => {
    const word = fc.stringMatching(/^[!#-~ ]+$/).filter((text) => text.trim() !== '');
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
        expect(splitWords(words.map(quoteWord).join(' '))).toEqual(words);
      }),
    );
  });

  it('skips comments and empty lines', () => {
    expect(['', '  \t', '# x', '  # y'].every(isBlank)).toBe(true);
    expect(isBlank('add a # b')).toBe(false);
  });
});

describe('a command line', () => {
  it('never throws anything but a fault in the words of the tool', () => {
    const word = fc.oneof(
      fc.constantFrom('-o', '-f', '-n', '-!', 'add', 'create', '-', '--', 'list', 'x', 'json'),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        try {
          parseInvocation(words, noOptions());
        } catch (err) {
          expect(err).toBeInstanceOf(ToolError);
        }
      }),
    );
  });

  it('leaves options in force for the lines behind', () => {
    const options = noOptions();
    parseInvocation(['add', 'a', '1', '-exist'], options, 'restore');
    parseInvocation(['add', 'a', '1'], options, 'restore');
    expect(options.exist).toBe(true);
  });
});

describe('the order of -sorted', () => {
  it('is the order that ipset 7.17 gives', () => {
    const sorted = [
      '1.1.1.1,ah:0',
      '1.1.1.1,gre:0',
      '1.1.1.1,tcp:8',
      '1.1.1.1,tcp:9',
      '1.1.1.1,tcp:80',
      '1.1.1.1,udp:53',
      '1.1.1.1,icmp:4/5',
      '1.1.1.1,icmp:echo-reply',
      '1.1.1.1,icmp:echo-request',
      '1.1.1.1,sctp:7',
      '1.1.1.1,vrrp:0',
      '9.1.1.1,tcp:80',
      '10.1.1.1,tcp:80',
    ];
    expect([...sorted].reverse().sort(compareAsIpset)).toEqual(sorted);
    const nets = ['fe80::', 'fe80::/9', 'fe80::/10', 'fe80::/64'];
    const addresses = ['::1', '::a', '1::', '9::', '10::', '2001:db8::9', '2001:db8::10', 'fe80::1'];
    expect([...addresses].reverse().sort(compareAsIpset)).toEqual(addresses);
    expect([...nets].sort(compareAsIpset).at(0)).toBe('fe80::');
  });
});
