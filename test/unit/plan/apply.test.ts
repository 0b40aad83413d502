import { beforeEach, describe, expect, it } from 'vitest';
import { CommandError } from '../../../src/errors.js';
import type { Kernel } from '../../../src/kernel/types.js';
import { apply, type ApplyReport, nothing } from '../../../src/plan/index.js';
import { type FakeKernel, fakeKernel } from '../../../src/testing.js';
import { planFor, state } from './states.js';

const WEB = 'tcp://10.96.0.10:80';
const API = 'tcp://10.96.0.11:80';
const full = state({
  servers: { [WEB]: ['10.244.1.2:8080'], [API]: ['10.244.1.3:8080'] },
  entries: ['10.96.0.10,tcp:80', '10.96.0.11,tcp:80'],
  bound: ['10.96.0.10', '10.96.0.11'],
  rules: 'OURS-A',
});

let kernel: FakeKernel;
beforeEach(() => {
  kernel = fakeKernel();
});

/** The same kernel with other parts. */
const withParts = (parts: Partial<Kernel>): Kernel => ({
  netns: kernel.netns,
  ipvs: kernel.ipvs,
  ipset: kernel.ipset,
  link: kernel.link,
  conntrack: kernel.conntrack,
  rules: kernel.rules,
  nft: kernel.nft,
  sysctl: kernel.sysctl,
  features: (options) => kernel.features(options),
  close: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
  ...parts,
});

const brokenRules: Kernel['rules'] = {
  read: (...args) => kernel.rules.read(...args),
  check: (...args) => kernel.rules.check(...args),
  save: (...args) => kernel.rules.save(...args),
  features: (...args) => kernel.rules.features(...args),
  apply: () => Promise.reject(new CommandError({ argv: ['iptables-restore'], exitCode: 1, stderr: 'no' })),
};

/** `status op` of every operation that was not done, with the reason where there is one. */
const undone = (report: ApplyReport): string[] =>
  report.results
    .filter(({ status }) => status !== 'done')
    .map(({ status, operation, reason }) => [status, operation.op, reason].filter(Boolean).join(': '));

describe('a report', () => {
  it('has one outcome per operation, in the order of the plan', async () => {
    const plan = await planFor(kernel, full);
    const report = await apply(kernel, plan);
    expect(report.results.map(({ operation }) => operation)).toEqual(plan.operations);
    expect(report).toMatchObject({ ok: true, done: plan.operations.length, failed: 0, skipped: 0 });
  });

  it('says what settings were before', async () => {
    const desired = { ...state(), sysctls: [{ name: 'net/ipv4/ip_forward', value: '1' }] };
    const report = await apply(kernel, await planFor(kernel, desired));
    expect(report.sysctls).toEqual([{ name: 'net/ipv4/ip_forward', before: '0', after: '1', changed: true }]);
    expect((await planFor(kernel, desired)).isEmpty).toBe(true);
  });

  it('sets timeouts that differ and leaves those that are 0', async () => {
    const desired = { ...state(), timeouts: { tcp: 600, tcpFin: 0, udp: 300 } };
    await apply(kernel, await planFor(kernel, desired));
    expect(await kernel.ipvs.timeouts()).toEqual({ tcp: 600, tcpFin: 120, udp: 300 });
    expect((await planFor(kernel, desired)).isEmpty).toBe(true);
  });
});

describe('when rules cannot be applied', () => {
  it('no new virtual server is opened: without its rules it would be half a service', async () => {
    const report = await apply(withParts({ rules: brokenRules }), await planFor(kernel, full));
    expect(undone(report)).toEqual([
      'failed: applyRules',
      'skipped: addVirtualServer: the rules that it needs could not be applied',
      'skipped: addVirtualServer: the rules that it needs could not be applied',
      'skipped: addAddress: no virtual server could be added at it',
      'skipped: addAddress: no virtual server could be added at it',
      `skipped: addRealServer: ${WEB} was not added`,
      `skipped: addRealServer: ${API} was not added`,
    ]);
    expect(await kernel.ipvs.list()).toEqual([]);
  });

  it('real servers of what exists are kept up to date all the same', async () => {
    await apply(kernel, await planFor(kernel, state({ servers: { [WEB]: ['10.244.1.2:8080'] } })));
    const next = state({ servers: { [WEB]: ['10.244.1.9:8080'] }, entries: [], rules: 'OURS-A' });
    const report = await apply(withParts({ rules: brokenRules }), await planFor(kernel, next));
    expect(undone(report)).toEqual(['failed: applyRules']);
    const server = await kernel.ipvs.get(WEB, { realServers: true });
    expect(server?.realServers.map(({ address }) => address)).toEqual(['10.244.1.9']);
  });

  it('the next apply finishes the work', async () => {
    await apply(withParts({ rules: brokenRules }), await planFor(kernel, full));
    expect((await apply(kernel, await planFor(kernel, full))).ok).toBe(true);
    expect((await planFor(kernel, full)).isEmpty).toBe(true);
  });
});

describe('when a virtual server cannot be added', () => {
  it('its real servers are skipped, and the others are not hurt', async () => {
    const plan = await planFor(kernel, full);
    // Somebody else is faster.
    const theirs = await kernel.ipvs.add(WEB, { scheduler: 'wlc' });
    await theirs.add('192.0.2.9:80');
    const report = await apply(kernel, plan);
    expect(undone(report)).toEqual([
      'failed: addVirtualServer',
      'skipped: addAddress: no virtual server could be added at it',
      `skipped: addRealServer: ${WEB} was not added`,
    ]);
    const servers = await kernel.ipvs.list({ realServers: true });
    expect(servers.map(({ url, realServers }) => [url, realServers.map(({ address }) => address)])).toEqual([
      [WEB, ['192.0.2.9']],
      [API, ['10.244.1.3']],
    ]);
  });

  it('one that somebody else added meanwhile does not become ours', async () => {
    const plan = await planFor(kernel, full);
    await kernel.ipvs.add(WEB);
    await apply(kernel, plan);
    await apply(kernel, await planFor(kernel, nothing()));
    expect((await kernel.ipvs.list()).map(({ url }) => url)).toEqual([WEB]);
  });
});

describe('when a set cannot be created', () => {
  it('its entries are skipped; a record that cannot be written keeps virtual servers from being added', async () => {
    const plan = await planFor(kernel, full);
    // Made by somebody else after the plan.
    await kernel.ipset.create('OURS-RECORD', 'hash:ip');
    const report = await apply(kernel, plan);
    expect(undone(report)).toEqual([
      'failed: createSet',
      'skipped: addEntry: set OURS-RECORD could not be created',
      'skipped: addEntry: set OURS-RECORD could not be created',
      'skipped: addVirtualServer: it could not be recorded as ours',
      'skipped: addVirtualServer: it could not be recorded as ours',
      'skipped: addAddress: no virtual server could be added at it',
      'skipped: addAddress: no virtual server could be added at it',
      `skipped: addRealServer: ${WEB} was not added`,
      `skipped: addRealServer: ${API} was not added`,
    ]);
  });
});

describe('when a virtual server cannot be removed', () => {
  it('it stays recorded, so that the next cleanup knows it', async () => {
    await apply(kernel, await planFor(kernel, full));
    const plan = await planFor(kernel, state({ servers: { [API]: ['10.244.1.3:8080'] } }));
    const ipvs: Kernel['ipvs'] = Object.assign(Object.create(kernel.ipvs) as Kernel['ipvs'], {
      batch: () => Promise.reject(new Error('the kernel is tired')),
    });
    const report = await apply(withParts({ ipvs }), plan);
    expect(undone(report)).toContain(`skipped: deleteEntry: ${WEB} is still there and stays recorded`);
    await apply(kernel, await planFor(kernel, nothing()));
    expect(await kernel.ipvs.list()).toEqual([]);
  });
});

describe('what cannot be removed', () => {
  it('is reported: a set that a stranger’s rule names', async () => {
    await apply(kernel, await planFor(kernel, full));
    await kernel.rules.apply({
      family: 'inet',
      write: [
        {
          table: 'nat',
          name: 'THEIRS',
          rules: [
            {
              matches: [{ match: 'set', set: 'OURS-A', directions: ['dst', 'dst'] }],
              target: { target: 'return' },
            },
          ],
        },
      ],
      addJumps: [],
      removeJumps: [],
      removeChains: [],
    });
    const ipset: Kernel['ipset'] = Object.assign(Object.create(kernel.ipset) as Kernel['ipset'], {
      destroy: (name: string) =>
        name === 'OURS-A' ? Promise.reject(new Error('in use')) : kernel.ipset.destroy(name),
    });
    const report = await apply(withParts({ ipset }), await planFor(kernel, nothing()));
    expect(report.ok).toBe(false);
    expect(undone(report)).toEqual(['failed: destroySet']);
  });
});

describe('onError: stop', () => {
  it('skips everything behind the first failure', async () => {
    const report = await apply(withParts({ rules: brokenRules }), await planFor(kernel, full), {
      onError: 'stop',
    });
    const [first, ...rest] = undone(report);
    expect(first).toBe('failed: applyRules');
    expect(rest.every((line) => line.endsWith('an earlier operation failed'))).toBe(true);
  });
});

describe('an aborted apply', () => {
  it('reports what was done and what was not', async () => {
    const controller = new AbortController();
    const link: Kernel['link'] = Object.assign(Object.create(kernel.link) as Kernel['link'], {
      ensureDummy: async (name: string) => {
        const made = await kernel.link.ensureDummy(name);
        controller.abort();
        return made;
      },
    });
    const plan = await planFor(kernel, full);
    const report = await apply(withParts({ link }), plan, { signal: controller.signal });
    expect(report).toMatchObject({ ok: false, done: 1, skipped: plan.operations.length - 1 });
    expect(report.results.at(-1)).toMatchObject({ status: 'skipped', reason: 'aborted' });
  });
});
