import { beforeEach, describe, expect, it } from 'vitest';
import { apply, nothing, observe, Plan, plan } from '../../../src/plan/index.js';
import { type FakeKernel, fakeKernel } from '../../../src/testing.js';
import { lines, planFor, SCOPE, state } from './states.js';

const WEB = 'tcp://10.96.0.10:80';
const full = state({
  servers: { [WEB]: ['10.244.1.2:8080'] },
  entries: ['10.96.0.10,tcp:80'],
  bound: ['10.96.0.10'],
  rules: 'OURS-A',
});

let kernel: FakeKernel;
beforeEach(() => {
  kernel = fakeKernel();
});

const make = async (desired: ReturnType<typeof state>): Promise<void> => {
  const report = await apply(kernel, await planFor(kernel, desired));
  expect(report.ok).toBe(true);
};

describe('the order of a plan', () => {
  it('opens a service when what protects it is there: sets, record, rules, and its virtual server before its address', async () => {
    expect(lines(await planFor(kernel, full))).toEqual([
      '+ interface ours0 (dummy)',
      '+ set OURS-RECORD hash:ip,port inet maxelem 1048576',
      '+ set OURS-A hash:ip,port inet',
      '+ entry OURS-RECORD 10.96.0.10,tcp:80',
      '+ entry OURS-A 10.96.0.10,tcp:80',
      '~ rules inet: write nat/OURS; jump from nat/PREROUTING',
      `+ virtual server ${WEB} rr`,
      '+ address 10.96.0.10 on ours0',
      `+ real server ${WEB} -> 10.244.1.2:8080 masq weight 1`,
    ]);
  });

  it('goes the other way on the way out', async () => {
    await make(full);
    expect(lines(await planFor(kernel, nothing()))).toEqual([
      '- address 10.96.0.10 on ours0',
      `- virtual server ${WEB}`,
      '~ rules inet: no jump from nat/PREROUTING; remove nat/OURS',
      '- set OURS-A',
      '- set OURS-RECORD',
      '- interface ours0',
    ]);
  });

  it('adds real servers before it removes others', async () => {
    await make(state({ servers: { [WEB]: ['10.244.1.2:8080', '10.244.1.3:8080'] } }));
    const next = state({ servers: { [WEB]: ['10.244.1.3:8080', '10.244.1.4:8080'] } });
    expect(lines(await planFor(kernel, next))).toEqual([
      `+ real server ${WEB} -> 10.244.1.4:8080 masq weight 1`,
      `- real server ${WEB} -> 10.244.1.2:8080`,
    ]);
  });

  it('closes what is not wanted first, and deletes its entries last', async () => {
    await make(full);
    const other = state({
      servers: { 'tcp://10.96.0.20:80': [] },
      entries: ['10.96.0.20,tcp:80'],
      bound: ['10.96.0.20'],
      rules: 'OURS-A',
    });
    expect(lines(await planFor(kernel, other))).toEqual([
      '- address 10.96.0.10 on ours0',
      `- virtual server ${WEB}`,
      '+ entry OURS-RECORD 10.96.0.20,tcp:80',
      '+ entry OURS-A 10.96.0.20,tcp:80',
      '+ virtual server tcp://10.96.0.20:80 rr',
      '+ address 10.96.0.20 on ours0',
      '- entry OURS-A 10.96.0.10,tcp:80',
      '- entry OURS-RECORD 10.96.0.10,tcp:80',
    ]);
  });

  it('adds entries in the order of the sets, and deletes them in the reverse order', async () => {
    const set = (name: string, entries: string[]) =>
      ({ name, type: 'hash:ip,port', family: 'inet', entries }) as const;
    const both = (entry: string) => state({ sets: [set('OURS-A', [entry]), set('OURS-B', [entry])] });
    await make(both('10.0.0.1,tcp:1'));
    expect(lines(await planFor(kernel, both('10.0.0.2,tcp:2')))).toEqual([
      '+ entry OURS-A 10.0.0.2,tcp:2',
      '+ entry OURS-B 10.0.0.2,tcp:2',
      '- entry OURS-B 10.0.0.1,tcp:1',
      '- entry OURS-A 10.0.0.1,tcp:1',
    ]);
  });
});

describe('changes in place', () => {
  it('change a weight without taking the real server away', async () => {
    await make(state({ servers: { [WEB]: ['10.244.1.2:8080'] } }));
    const server = await kernel.ipvs.get(WEB, { realServers: true });
    await server?.realServers[0]?.set({ weight: 0 });
    expect(lines(await planFor(kernel, state({ servers: { [WEB]: ['10.244.1.2:8080'] } })))).toEqual([
      `~ real server ${WEB} -> 10.244.1.2:8080 masq weight 1 (was masq weight 0)`,
    ]);
  });

  it('change scheduler and persistence of a virtual server', async () => {
    await make(state({ servers: { [WEB]: [] } }));
    const next = state({
      servers: { [WEB]: [] },
      attributes: { scheduler: 'mh', schedulerFlags: { port: true }, persistence: { timeout: 600 } },
    });
    expect(lines(await planFor(kernel, next))).toEqual([
      `~ virtual server ${WEB} mh (port) persistent 600s (was rr)`,
    ]);
    await make(next);
    expect((await planFor(kernel, next)).isEmpty).toBe(true);
  });

  it('leave the real servers alone when the state does not list any', async () => {
    await make(state({ servers: { [WEB]: ['10.244.1.2:8080'] } }));
    const desired = state();
    const [four] = desired.families;
    const open = {
      ...desired,
      families: [{ ...four!, virtualServers: [{ url: WEB, scheduler: 'rr' }] }],
    } as const;
    expect((await planFor(kernel, open)).isEmpty).toBe(true);
  });
});

describe('a plan for what is there already', () => {
  it('is empty, and applying it writes nothing', async () => {
    await make(full);
    const before = [kernel.ipvs.counters(), kernel.ipset.counters(), kernel.link.counters()];
    const steps = await planFor(kernel, full);
    expect(steps.isEmpty).toBe(true);
    expect(steps.toString()).toBe('');
    const read = [kernel.ipvs.counters(), kernel.ipset.counters(), kernel.link.counters()];
    expect(read).not.toEqual(before);
    await apply(kernel, steps);
    expect([kernel.ipvs.counters(), kernel.ipset.counters(), kernel.link.counters()]).toEqual(read);
  });
});

describe('what belongs to others', () => {
  it('is not removed: servers at our address and elsewhere, by mark, sets, chains, addresses', async () => {
    await kernel.ipvs.add('tcp://10.96.0.10:9999', { scheduler: 'rr' });
    await kernel.ipvs.add('tcp://192.0.2.200:80');
    await kernel.ipvs.add('fwmark://7');
    await kernel.ipset.create('OURS-ELSE', 'hash:ip');
    await kernel.link.ensureDummy('theirs0');
    await kernel.link.addAddresses('theirs0', ['10.96.0.10']);
    const theirs = { table: 'nat', name: 'THEIRS', rules: [] } as const;
    const jump = {
      table: 'nat',
      from: 'PREROUTING',
      rule: { matches: [], target: { target: 'jump', chain: 'THEIRS' } },
    } as const;
    await kernel.rules.apply({
      family: 'inet',
      write: [theirs],
      addJumps: [jump],
      removeJumps: [],
      removeChains: [],
    });
    const before = kernel.dump();
    await make(full);
    const after = await apply(kernel, await planFor(kernel, nothing()));
    expect(after.ok).toBe(true);
    expect(kernel.dump()).toBe(before);
  });

  it('is a conflict when it is wanted, and stays as it is', async () => {
    const theirs = await kernel.ipvs.add(WEB, { scheduler: 'wlc' });
    await theirs.add('192.0.2.9:80');
    const steps = await planFor(kernel, full);
    expect(steps.conflicts).toMatchObject([{ object: `virtual server ${WEB}` }]);
    expect(steps.toString()).toContain(`! virtual server ${WEB}`);
    const report = await apply(kernel, steps);
    expect(report.ok).toBe(false);
    const [server] = await kernel.ipvs.list({ realServers: true });
    expect(server).toMatchObject({ scheduler: 'wlc' });
    expect(server?.realServers.map(({ address }) => address)).toEqual(['192.0.2.9']);
    await apply(kernel, await planFor(kernel, nothing()));
    expect(await kernel.ipvs.list()).toHaveLength(1);
  });

  it('is taken over on request, and then ours', async () => {
    await kernel.ipvs.add(WEB, { scheduler: 'wlc' });
    const steps = await planFor(kernel, full, { adopt: true });
    expect(steps.conflicts).toEqual([]);
    expect((await apply(kernel, steps)).ok).toBe(true);
    expect((await planFor(kernel, full)).isEmpty).toBe(true);
    await apply(kernel, await planFor(kernel, nothing()));
    expect(await kernel.ipvs.list()).toEqual([]);
  });

  it('is a set of ours with another type: it stays, and its entries are not touched', async () => {
    const theirs = await kernel.ipset.create('OURS-A', 'hash:ip');
    await theirs.add({ ip: '10.0.0.1' });
    const steps = await planFor(kernel, state({ entries: ['10.96.0.10,tcp:80'] }));
    expect(steps.conflicts).toMatchObject([
      { object: 'set OURS-A', reason: 'it exists as hash:ip inet, and hash:ip,port inet is wanted' },
    ]);
    await apply(kernel, steps);
    expect(await (await kernel.ipset.get('OURS-A'))?.texts()).toEqual(['10.0.0.1']);
  });

  it('is a set of the other family under our name', async () => {
    await kernel.ipset.create('OURS-A', 'hash:ip,port', { family: 'inet6' });
    expect((await planFor(kernel, state({ entries: [] }))).conflicts).toHaveLength(1);
  });

  it('is the record under another type: then no virtual server is touched at all', async () => {
    await kernel.ipset.create('OURS-RECORD', 'hash:ip');
    const steps = await planFor(kernel, full);
    expect(steps.conflicts).toMatchObject([{ object: 'set OURS-RECORD' }]);
    expect(steps.toString()).not.toContain('+ virtual server');
  });

  it('is everything of a family outside the scope', async () => {
    await make(full);
    const six = { ...SCOPE, families: SCOPE.families.slice(1) };
    expect(plan(nothing(), await observe(kernel, six), six).isEmpty).toBe(true);
  });
});

describe('excluded networks', () => {
  it('keep virtual servers of ours from being removed, and recorded', async () => {
    await make(full);
    const scope = { ...SCOPE, exclude: ['10.96.0.0/16'] };
    await apply(kernel, plan(nothing(), await observe(kernel, scope), scope));
    expect(await kernel.ipvs.list()).toHaveLength(1);
    // Without the exclusion it can still be recognised.
    await apply(kernel, plan(nothing(), await observe(kernel, SCOPE), SCOPE));
    expect(await kernel.ipvs.list()).toEqual([]);
    expect(await kernel.ipset.list()).toEqual([]);
  });
});

describe('a crash between two operations', () => {
  it('leaves nothing that the next apply or cleanup does not recognise', async () => {
    const { operations } = await planFor(kernel, full);
    for (let done = 0; done <= operations.length; done++) {
      for (const target of [full, nothing()]) {
        const fresh = fakeKernel();
        await apply(fresh, new Plan(operations.slice(0, done)));
        const rest = await apply(fresh, await planFor(fresh, target));
        expect(rest.ok).toBe(true);
        expect((await planFor(fresh, target)).isEmpty).toBe(true);
        await apply(fresh, await planFor(fresh, nothing()));
        expect(await fresh.ipvs.list()).toEqual([]);
        expect(await fresh.ipset.list()).toEqual([]);
      }
    }
  });

  it('on the way out leaves no virtual server without its record', async () => {
    await make(full);
    const { operations } = await planFor(kernel, nothing());
    for (let done = 0; done <= operations.length; done++) {
      const fresh = fakeKernel();
      await apply(fresh, await planFor(fresh, full));
      await apply(fresh, new Plan(operations.slice(0, done)));
      expect((await apply(fresh, await planFor(fresh, nothing()))).ok).toBe(true);
      expect(await fresh.ipvs.list()).toEqual([]);
    }
  });
});

describe('malformed state', () => {
  it.each([
    ['a firewall mark', { servers: { 'fwmark://7': [] } }, 'virtualServers[0].url'],
    ['an address of the other family', { servers: { 'tcp://[fd00::1]:80': [] } }, 'virtualServers[0].url'],
    ['a malformed URL', { servers: { 'tcp://10.0.0.1': [] } }, 'virtualServers[0].url'],
    ['a real server that is none', { servers: { [WEB]: ['x'] } }, 'virtualServers[0].realServers[0]'],
    [
      'the same real server twice',
      { servers: { [WEB]: ['10.0.0.1:1', '10.0.0.1:1'] } },
      'virtualServers[0].realServers[1]',
    ],
    [
      'the same virtual server twice',
      { servers: { [WEB]: [], 'TCP://10.96.0.10:80': [] } },
      'virtualServers[1].url',
    ],
  ])('is refused before anything is planned: %s', async (_, contents, path) => {
    await expect(planFor(kernel, state(contents))).rejects.toMatchObject({
      code: 'ERR_INVALID_INPUT',
      path,
    });
  });

  it('is refused when it names a family outside the scope', async () => {
    const six = { ...SCOPE, families: SCOPE.families.slice(1) };
    const observed = await observe(kernel, six);
    expect(() => plan(full, observed, six)).toThrow(expect.objectContaining({ path: 'families[0].family' }));
  });
});

describe('draining', () => {
  const two = state({ servers: { [WEB]: ['10.244.1.2:8080', '10.244.1.3:8080'] } });
  const left = state({ servers: { [WEB]: ['10.244.1.3:8080'] } });
  const drain = ({ connections }: { readonly connections: number }): boolean => connections > 0;
  const busy = (connections: number): void =>
    kernel.fake.ipvs.setConnections(WEB, '10.244.1.2:8080', { activeConnections: connections });

  it('leaves an unwanted real server at weight 0 as long as it is asked to, and removes it then', async () => {
    await make(two);
    busy(3);
    const begin = await planFor(kernel, left, { drain });
    expect(lines(begin)).toEqual([
      `~ real server ${WEB} -> 10.244.1.2:8080 masq weight 0 (was masq weight 1)`,
    ]);
    expect(begin.draining).toEqual([
      { virtualServer: WEB, protocol: 'tcp', address: '10.244.1.2', port: 8080, weight: 1, connections: 3 },
    ]);
    await apply(kernel, begin);

    const wait = await planFor(kernel, left, { drain });
    expect(wait.isEmpty).toBe(true);
    expect(wait.draining).toMatchObject([{ address: '10.244.1.2', weight: 0, connections: 3 }]);

    busy(0);
    expect(lines(await planFor(kernel, left, { drain }))).toEqual([
      `- real server ${WEB} -> 10.244.1.2:8080`,
    ]);
  });

  it('ends when the real server is wanted again', async () => {
    await make(two);
    busy(3);
    await apply(kernel, await planFor(kernel, left, { drain }));
    expect(lines(await planFor(kernel, two, { drain }))).toEqual([
      `~ real server ${WEB} -> 10.244.1.2:8080 masq weight 1 (was masq weight 0)`,
    ]);
  });

  it('does not happen unless asked for, nor when the virtual server goes', async () => {
    await make(two);
    busy(3);
    expect(lines(await planFor(kernel, left))).toEqual([`- real server ${WEB} -> 10.244.1.2:8080`]);
    const gone = await planFor(kernel, state(), { drain });
    expect(lines(gone)).toEqual([`- virtual server ${WEB}`, '- entry OURS-RECORD 10.96.0.10,tcp:80']);
    expect(gone.draining).toEqual([]);
  });
});

describe('the inverse', () => {
  it('brings virtual servers back with their real servers, behind their record, their rules and their address', async () => {
    await make(full);
    expect((await planFor(kernel, nothing())).inverse().toString().split('\n')).toEqual([
      '+ interface ours0 (dummy)',
      '+ set OURS-RECORD hash:ip,port inet maxelem 1048576',
      '+ entry OURS-RECORD 10.96.0.10,tcp:80',
      '+ set OURS-A hash:ip,port inet',
      '+ entry OURS-A 10.96.0.10,tcp:80',
      '~ rules inet: write nat/OURS; jump from nat/PREROUTING',
      `+ virtual server ${WEB} rr`,
      '+ address 10.96.0.10 on ours0',
      `+ real server ${WEB} -> 10.244.1.2:8080 masq weight 1`,
    ]);
  });

  it('restores settings and timeouts', async () => {
    const before = await kernel.ipvs.timeouts();
    const desired = {
      ...state(),
      sysctls: [{ name: 'net/ipv4/ip_forward', value: '1' }],
      timeouts: { tcp: 600 },
    };
    const steps = await planFor(kernel, desired);
    await apply(kernel, steps);
    await apply(kernel, steps.inverse());
    expect(await kernel.ipvs.timeouts()).toEqual(before);
    expect(await kernel.sysctl.get('net/ipv4/ip_forward')).toBe('0');
  });
});
