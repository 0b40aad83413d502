import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRule } from '../../../src/rules/iptables/parse.js';
import { formatRule, isRaw, sameRule } from '../../../src/rules/iptables/rule.js';
import { quoteWord, splitWords } from '../../../src/rules/iptables/words.js';
import type { Family } from '../../../src/net/address.js';
import type { Match, Rule, Target } from '../../../src/rules/types.js';
import { commentText, family, ruleOf } from './arbitrary.js';

const parse = (text: string, of: Family = 'inet'): Rule => parseRule(splitWords(text) ?? [], of);
const again = (text: string, of: Family = 'inet'): string => formatRule(parse(text, of), of);
const rule = (target: Target, ...matches: Match[]): Rule => ({ matches, target });
const RETURN: Target = { target: 'return' };

describe('words of iptables text', () => {
  it.each([
    ['single', 'single'],
    ['two words', '"two words"'],
    ["it's", '"it\\\'s"'],
    ['a "b" \\', '"a \\"b\\" \\\\"'],
    ['a,b', '"a,b"'],
    ['', '""'],
  ])('quotes %s as iptables-save does', (text, printed) => {
    expect(quoteWord(text)).toBe(printed);
  });

  it('splits into the words that were quoted', () => {
    fc.assert(
      fc.property(fc.array(commentText, { maxLength: 5 }), (texts) => {
        const words = splitWords(texts.map(quoteWord).join(' '));
        expect(words?.map((word) => word.value)).toEqual(texts);
        expect(words?.map((word) => word.source)).toEqual(texts.map(quoteWord));
      }),
    );
  });

  it('does not make words of a line with an open quote', () => {
    expect(splitWords('-A X -m comment --comment "open')).toBeUndefined();
  });
});

describe('a rule as text', () => {
  it('reads back as what was written', () => {
    fc.assert(
      fc.property(
        family.chain((of) => fc.tuple(fc.constant(of), ruleOf(of))),
        ([of, given]) => {
          const read = parse(formatRule(given, of), of);
          expect(isRaw(read)).toBe(false);
          expect(formatRule(read, of)).toBe(formatRule(given, of));
          expect(sameRule(read, given, of)).toBe(true);
        },
      ),
    );
  });

  it.each([
    ['-m mark --mark 0x00004000/0x00004000 -j RETURN', '-m mark --mark 0x4000/0x4000 -j RETURN'],
    ['-m mark --mark 16384 -j RETURN', '-m mark --mark 0x4000 -j RETURN'],
    ['-j MARK --or-mark 0x4000', '-j MARK --set-xmark 0x4000/0x4000'],
    ['-j MARK --xor-mark 0x4000', '-j MARK --set-xmark 0x4000/0x0'],
    ['-j MARK --and-mark 0xff', '-j MARK --set-xmark 0x0/0xffffff00'],
    ['-j MARK --set-mark 0x4000', '-j MARK --set-xmark 0x4000/0xffffffff'],
    ['-m comment --comment x ! -s 10.0.0.0/8 -j RETURN', '! -s 10.0.0.0/8 -m comment --comment x -j RETURN'],
    [
      '-p udp -i eth0 -d 1.2.3.4 -s 10.1.2.3/255.0.0.0 -j DROP',
      '-s 10.0.0.0/8 -d 1.2.3.4/32 -i eth0 -p udp -j DROP',
    ],
    ['-s 0.0.0.0/0 -j RETURN', '-j RETURN'],
    ['-p 17 -j RETURN', '-p udp -j RETURN'],
    ['-j REJECT', '-j REJECT --reject-with icmp-port-unreachable'],
    [
      '-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
      '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    ],
    ['-p tcp -m tcp -j ACCEPT', '-p tcp -j ACCEPT'],
  ])('means the same as %s', (written, printed) => {
    expect(again(written)).toBe(printed);
  });

  it('names the IPv6 kind of REJECT', () => {
    expect(again('-j REJECT', 'inet6')).toBe('-j REJECT --reject-with icmp6-port-unreachable');
    expect(isRaw(parse('-j REJECT --reject-with icmp-port-unreachable', 'inet6'))).toBe(true);
  });

  it.each([
    '-p tcp -m tcp --dport 22 -j ACCEPT',
    '-o eth0 -j MASQUERADE',
    '-p icmp -m icmp --icmp-type 8 -j ACCEPT',
    '-j LOG --log-prefix "a b"',
    '-j MASQUERADE --to-ports 1024-2048',
    '-j REJECT --reject-with tcp-reset',
    '-g OTHER',
    '-m conntrack ! --ctstate NEW -j DROP',
    '-m conntrack --ctstate NEW,UNTRACKED -j DROP',
    '-m conntrack --ctstate NEW --ctdir ORIGINAL -j DROP',
    '-m addrtype --dst-type BROADCAST -j DROP',
    '-m addrtype --dst-type LOCAL --limit-iface-in -j DROP',
    '-m set --match-set X src --return-nomatch -j DROP',
    '-m comment --comment "" -j RETURN',
    '-s 1.2.3.4/255.0.255.0 -j DROP',
    '-m comment --comment only',
    '-m comment --comment -t -j RETURN',
    '! -s 0.0.0.0/0 -j RETURN',
    '-i a-name-that-is-too-long -j RETURN',
    '-s 1.0.0.0/8 -s 2.0.0.0/8 -j RETURN',
    '',
  ])('keeps %j as it is and takes it for equal to nothing', (text) => {
    const read = parse(text);
    expect(isRaw(read)).toBe(true);
    expect(formatRule(read, 'inet')).toBe(text);
    expect(sameRule(read, read, 'inet')).toBe(false);
  });

  it('finds the end of a match behind a comment that looks like an option', () => {
    expect(parse('-m comment --comment "a -j b" -m mark --mark 0x1 -j DROP')).toEqual(
      rule(
        { target: 'drop' },
        { match: 'comment', text: 'a -j b' },
        { match: 'mark', value: 1, mask: 0xffffffff },
      ),
    );
    // iptables-save prints this for --comment "-j".
    expect(parse('-m comment --comment -j -m mark --mark 0x1 -j DROP').target).toEqual({
      target: 'raw',
      text: '-j DROP',
    });
  });

  it('can be printed again, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.constantFrom(
              '-s',
              '-d',
              '-i',
              '-p',
              '-m',
              '-j',
              '-g',
              '!',
              'set',
              '--match-set',
              'comment',
              '--comment',
              'mark',
              '--mark',
            ),
            fc.string(),
          ),
        ),
        (words) => {
          const line = words.join(' ');
          const split = splitWords(line);
          if (split !== undefined)
            expect(() => formatRule(parseRule(split, 'inet'), 'inet')).not.toThrow(TypeError);
        },
      ),
    );
  });

  it.each<[string, Rule]>([
    ['cidr', rule(RETURN, { match: 'source', cidr: 'fd00::/8' })],
    ['cidr', rule(RETURN, { match: 'source', cidr: '0.0.0.0/0', not: true })],
    [
      'at most one source',
      rule(RETURN, { match: 'source', cidr: '1.0.0.0/8' }, { match: 'source', cidr: '2.0.0.0/8' }),
    ],
    ['name', rule(RETURN, { match: 'inInterface', name: 'way-too-long-name' })],
    ['name', rule(RETURN, { match: 'inInterface', name: 'eth0 -j ACCEPT' })],
    ['name', rule(RETURN, { match: 'inInterface', name: '+' })],
    ['text', rule(RETURN, { match: 'comment', text: 'a\nCOMMIT' })],
    ['text', rule(RETURN, { match: 'comment', text: '-t' })],
    ['text', rule(RETURN, { match: 'comment', text: 'x'.repeat(256) })],
    ['text', rule(RETURN, { match: 'comment', text: '' })],
    ['set', rule(RETURN, { match: 'set', set: 'a b', directions: ['src'] })],
    ['set', rule(RETURN, { match: 'set', set: 'x'.repeat(32), directions: ['src'] })],
    ['directions', rule(RETURN, { match: 'set', set: 'x', directions: [] })],
    ['value', rule(RETURN, { match: 'mark', value: -1, mask: 0 })],
    ['mask', rule({ target: 'mark', value: 0, mask: 2 ** 32 })],
    ['states', rule(RETURN, { match: 'conntrack', states: [] })],
    ['chain', rule({ target: 'jump', chain: 'x'.repeat(29) })],
    ['chain', rule({ target: 'jump', chain: 'X\n-F' })],
  ])('refuses a bad %s', (part, bad) => {
    expect(() => formatRule(bad, 'inet')).toThrow(new RegExp(part));
    expect(() => formatRule(bad, 'inet')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_INPUT' }));
  });
});
