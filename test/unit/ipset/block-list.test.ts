import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockListEntries, mergeNetworks, toBlockList } from '../../../src/ipset/block-list.js';
import { rejection } from '../../support/rejection.js';
import { address, network } from './arbitraries.js';

describe('a BlockList of node:net', () => {
  it('becomes entries: rules of all kinds, one family at a time', () => {
    const list = new BlockList();
    list.addAddress('10.0.0.1');
    list.addRange('10.0.1.0', '10.0.2.255');
    list.addSubnet('10.0.1.0', 25);
    list.addSubnet('2001:db8::', 32, 'ipv6');
    list.addAddress('::1', 'ipv6');
    expect(blockListEntries(list)).toEqual(['10.0.0.1', '10.0.1.0/24', '10.0.2.0/24']);
    expect(blockListEntries(list, 'inet6')).toEqual(['::1', '2001:db8::/32']);
    expect(blockListEntries(new BlockList())).toEqual([]);
  });

  it('is made of entries, text or objects, and holds what they hold', async () => {
    const list = await toBlockList([
      '10.0.0.0/8',
      '192.0.2.1',
      '198.51.100.3-198.51.100.9',
      { net: '2001:db8::/32' },
      { ip: '::1' },
    ]);
    expect(list.check('10.255.0.1')).toBe(true);
    expect(list.check('192.0.2.1')).toBe(true);
    expect(list.check('192.0.2.2')).toBe(false);
    expect(list.check('198.51.100.9')).toBe(true);
    expect(list.check('198.51.100.10')).toBe(false);
    expect(list.check('2001:db8::5', 'ipv6')).toBe(true);
    expect(list.check('::1', 'ipv6')).toBe(true);
  });

  it('comes back as the same networks', async () => {
    const networks = fc.array(fc.oneof(network('inet'), address('inet'), network('inet6')), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(networks, async (texts) => {
        const list = await toBlockList(texts);
        expect([...blockListEntries(list), ...blockListEntries(list, 'inet6')]).toEqual(mergeNetworks(texts));
      }),
      { numRuns: 50 },
    );
  });

  it('refuses exceptions and what is no network', async () => {
    expect(await rejection(toBlockList(['10.0.0.1', { net: '10.0.0.0/8', nomatch: true }]))).toMatchObject({
      path: 'entries[1]',
    });
    expect(await rejection(toBlockList(['host.example']))).toMatchObject({ path: 'entries[0]' });
    expect(await rejection(toBlockList([{}]))).toMatchObject({ path: 'entries[0]' });
  });
});

describe('merging networks', () => {
  it('gives the fewest entries that match the same', () => {
    expect(mergeNetworks(['10.0.0.1', '10.0.0.0', '10.0.1.0-10.0.1.3', '::/0', '10.0.1.2'])).toEqual([
      ...['10.0.0.0/31', '10.0.1.0/30', '::/1', '8000::/1'],
    ]);
    expect(mergeNetworks(['0.0.0.0/0'])).toEqual(['0.0.0.0/1', '128.0.0.0/1']);
  });

  it('names what it refuses', () => {
    for (const bad of ['x', '10.0.0.2-10.0.0.1', '10.0.0.1-::1', '10.0.0.1-10.0.0.2-10.0.0.3']) {
      expect(() => mergeNetworks(['10.0.0.1', bad])).toThrow('networks[1]');
    }
  });
});
