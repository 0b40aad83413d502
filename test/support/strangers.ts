import type { Kernel } from '../../src/kernel/types.js';
import type { Family } from '../../src/net/address.js';

/** What belongs to others: beside ours, at an address of ours, under names like ours. */
export async function addStrangers(
  kernel: Kernel,
  vip: string,
  setPrefix: string,
  families: readonly Family[] = ['inet', 'inet6'],
): Promise<void> {
  const theirs = await kernel.ipvs.add(`tcp://${vip}:9999`, { scheduler: 'wlc' });
  await kernel.link.setUp('lo', true);
  await theirs.add({ address: '192.0.2.9', port: 9, weight: 7 });
  await (await kernel.ipvs.add('udp://192.0.2.80:53', { scheduler: 'rr' })).add('192.0.2.9:53');
  await kernel.ipvs.add('fwmark://7', { scheduler: 'rr' });
  await (await kernel.ipset.create(`${setPrefix}ELSE`, 'hash:ip,port')).add(`${vip},tcp:80`);
  await (await kernel.ipset.create('THEIRS', 'hash:ip')).add('192.0.2.1');
  await kernel.link.ensureDummy('theirs0');
  await kernel.link.addAddresses('theirs0', ['192.0.2.80', '2001:db8::80']);
  for (const family of families) {
    const chain = {
      table: 'nat',
      name: 'THEIRS',
      rules: [{ matches: [], target: { target: 'return' } }],
    } as const;
    const jump = {
      table: 'nat',
      from: 'PREROUTING',
      rule: { matches: [], target: { target: 'jump', chain: 'THEIRS' } },
    } as const;
    await kernel.rules.apply({
      family,
      write: [chain],
      addJumps: [jump],
      removeJumps: [],
      removeChains: [],
    });
  }
}
