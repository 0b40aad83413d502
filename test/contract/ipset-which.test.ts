import { expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import { describeKernel, describeOn } from '../support/backends.js';
import { makeNetns } from '../support/netns.js';
import { rejection } from '../support/rejection.js';

describeOn(['ipset'], 'which sets hold an address', (open) => {
  it('is answered with the entries, by their first part', async () => {
    const { ipset } = await open();
    await (await ipset.create('ips', 'hash:ip')).addAll(['10.0.0.1', '10.0.0.2']);
    await (
      await ipset.create('ports', 'hash:ip,port')
    ).addAll(['10.0.0.1,tcp:80', '10.0.0.1,udp:53', '10.0.0.9,tcp:80']);
    await (await ipset.create('six', 'hash:ip', { family: 'inet6' })).addAll(['2001:db8::1']);
    await (await ipset.create('numbers', 'bitmap:port', { range: [0, 100] })).addAll(['10']);
    await ipset.create('empty', 'hash:ip');
    const found = await ipset.which('10.0.0.1');
    expect(found.map(({ set, text }) => `${set} ${text}`).sort()).toEqual([
      ...['ips 10.0.0.1', 'ports 10.0.0.1,tcp:80', 'ports 10.0.0.1,udp:53'],
    ]);
    expect(found[0]).toEqual({ set: 'ips', type: 'hash:ip', entry: { ip: '10.0.0.1' }, text: '10.0.0.1' });
    expect((await ipset.which('2001:DB8::1')).map(({ set }) => set)).toEqual(['six']);
    expect(await ipset.which('10.0.0.1', { prefix: 'po' })).toHaveLength(2);
    expect(await ipset.which('10.0.0.7')).toEqual([]);
    expect(await rejection(ipset.which('10.0.0'))).toMatchObject({ path: 'address' });
  });
});

describeKernel(['ipset'], 'which networks hold an address', () => {
  it('is the longest one, unless that is an exception; lists hold what their members hold', async () => {
    await using netns = await makeNetns('which');
    await using kernel = await openKernel({ netns: netns.path });
    const { ipset } = kernel;
    const nets = await ipset.create('nets', 'hash:net', { comment: true });
    await nets.addAll(['10.0.0.0/8 comment "wide"', '10.1.0.0/16', '10.2.0.0/16 nomatch', '10.2.3.4']);
    const texts = async (address: string): Promise<string[]> =>
      (await ipset.which(address)).map(({ set, text }) => `${set} ${text}`);
    expect(await texts('10.9.0.1')).toEqual(['nets 10.0.0.0/8 comment "wide"']);
    expect(await texts('10.1.0.1')).toEqual(['nets 10.1.0.0/16']);
    expect(await texts('10.2.0.1')).toEqual([]);
    expect(await texts('10.2.3.4')).toEqual(['nets 10.2.3.4']);
    for (const address of ['10.9.0.1', '10.1.0.1', '10.2.0.1', '10.2.3.4', '11.0.0.1']) {
      expect([address, await nets.has(address)]).toEqual([address, (await texts(address)).length > 0]);
    }
    await ipset.create('other', 'hash:ip');
    await (await ipset.create('all', 'list:set')).addAll(['other', 'nets']);
    expect(await texts('10.1.0.1')).toEqual(['all nets', 'nets 10.1.0.0/16']);
    expect((await ipset.which('10.1.0.1', { prefix: 'al' })).map(({ text }) => text)).toEqual(['nets']);
    expect(await texts('10.2.0.1')).toEqual([]);
  });

  it('is told for each port, and through masks', async () => {
    await using netns = await makeNetns('which');
    await using kernel = await openKernel({ netns: netns.path });
    const { ipset } = kernel;
    const ports = await ipset.create('ports', 'hash:net,port');
    await ports.addAll([
      '10.0.0.0/8,tcp:80',
      '10.1.0.0/16,tcp:80 nomatch',
      '10.0.0.0/8,tcp:443',
      '10.1.0.0/16,tcp:443',
    ]);
    expect((await ipset.which('10.1.0.1')).map(({ text }) => text)).toEqual(['10.1.0.0/16,tcp:443']);
    await (await ipset.create('masked', 'hash:ip', { netmask: 24 })).addAll(['10.3.3.3']);
    await (await ipset.create('bits', 'bitmap:ip', { range: '10.3.0.0/16' })).addAll(['10.3.3.9']);
    expect((await ipset.which('10.3.3.9')).map(({ set, text }) => `${set} ${text}`).sort()).toEqual([
      ...['bits 10.3.3.9', 'masked 10.3.3.0', 'ports 10.0.0.0/8,tcp:443', 'ports 10.0.0.0/8,tcp:80'],
    ]);
  });
});
