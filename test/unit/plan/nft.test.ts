import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../src/errors.js';
import { apply, nothing, observe, plan, type Plan } from '../../../src/plan/index.js';
import type { DesiredSet, DesiredState, Operation } from '../../../src/plan/types.js';
import { fakeKernel } from '../../../src/testing.js';
import { type Contents, contentsOf, lines, planFor, SCOPE, state } from './states.js';

const WEB = 'tcp://10.96.0.10:80';
const contents: Contents = {
  servers: { [WEB]: ['10.244.1.2:8080'] },
  entries: ['10.96.0.10,tcp:80'],
  bound: ['10.96.0.10'],
  rules: 'OURS-A',
};
const nft = (more: Contents = {}): DesiredState => state({ ...contents, ...more, backend: 'nft' });
const iptables = state(contents);

const transactions = ({ operations }: Plan): Extract<Operation, { op: 'applyNft' }>[] =>
  operations.filter((operation) => operation.op === 'applyNft');
const kinds = (steps: Plan): string[] => [...new Set(steps.operations.map(({ op }) => op))];

async function programmed(desired: DesiredState) {
  const kernel = fakeKernel();
  const report = await apply(kernel, await planFor(kernel, desired));
  expect(report.ok).toBe(true);
  return kernel;
}

const refusal = new CommandError({ argv: ['nft'], exitCode: 1, stderr: 'no' });

describe('a plan for nft', () => {
  it('has one transaction for a fresh node, before the service is open, and of ipset the record only', async () => {
    const steps = await planFor(fakeKernel(), nft());
    expect(lines(steps)).toEqual([
      '+ interface ours0 (dummy)',
      '+ set OURS-RECORD hash:ip,port inet maxelem 1048576',
      '+ entry OURS-RECORD 10.96.0.10,tcp:80',
      '~ nft inet: replace; sets OURS-A; add OURS-A { 10.96.0.10 . tcp . 80 }; write nat-OURS nat-PREROUTING',
      `+ virtual server ${WEB} rr`,
      '+ address 10.96.0.10 on ours0',
      `+ real server ${WEB} -> 10.244.1.2:8080 masq weight 1`,
    ]);
  });

  it('is empty when nothing is to be done, and is plain data', async () => {
    const kernel = await programmed(nft());
    expect((await planFor(kernel, nft())).isEmpty).toBe(true);
    const steps = await planFor(kernel, nft({ entries: [] }));
    expect(JSON.parse(JSON.stringify(steps))).toEqual(steps.toJSON());
  });

  it('writes only the elements that differ: new ones before servers, old ones after them', async () => {
    const kernel = await programmed(nft());
    const steps = await planFor(
      kernel,
      nft({ servers: { 'tcp://10.96.0.11:80': ['10.244.1.3:8080'] }, entries: ['10.96.0.11,tcp:80'] }),
    );
    const order = lines(steps).filter((line) => /nft|\+ virtual|real server/.test(line));
    expect(order).toEqual([
      '~ nft inet: add OURS-A { 10.96.0.11 . tcp . 80 }',
      '+ virtual server tcp://10.96.0.11:80 rr',
      '+ real server tcp://10.96.0.11:80 -> 10.244.1.3:8080 masq weight 1',
      '~ nft inet: delete OURS-A { 10.96.0.10 . tcp . 80 }',
    ]);
    for (const { diff } of transactions(steps))
      expect(diff).toMatchObject({ replace: false, addSets: [], writeChains: [], removeChains: [] });
  });

  it('counts many elements instead of naming them', async () => {
    const entries = Array.from({ length: 20 }, (_, i) => `10.96.1.${i},tcp:80`);
    const steps = await planFor(
      await programmed(nft()),
      nft({ entries: [...(contents.entries ?? []), ...entries] }),
    );
    expect(steps.toString()).toBe('~ nft inet: add OURS-A 20 elements');
  });

  it('lets networks that lie in one another take each other’s place, the wider one in between', async () => {
    const ranges = (...networks: string[]): Contents => {
      const set: DesiredSet = {
        name: 'OURS-B',
        type: 'hash:ip,port,net',
        family: 'inet',
        entries: networks.map((network) => `10.96.0.10,tcp:80,${network}`),
      };
      return { sets: [set] };
    };
    const kernel = await programmed(nft(ranges('10.0.0.0/8')));
    for (const networks of [
      ['10.1.0.0/16', '10.2.0.0/16'],
      ['10.1.2.0/24'],
      ['10.1.0.0/16', '11.0.0.0/8'],
      ['0.0.0.0/0'],
    ]) {
      const steps = await planFor(kernel, nft(ranges(...networks)));
      const [first] = transactions(steps);
      expect(first?.diff.replace).toBe(false);
      expect((await apply(kernel, steps)).ok).toBe(true);
      expect((await planFor(kernel, nft(ranges(...networks)))).isEmpty).toBe(true);
    }
  });

  it('takes what somebody else put into our table away, and nothing of other tables', async () => {
    const kernel = await programmed(nft());
    const before = contentsOf(kernel);
    await kernel.nft.apply({
      family: 'inet',
      replace: false,
      addSets: [{ name: 'THEIRS', key: ['ipv4_addr'], interval: false, elements: ['192.0.2.1'] }],
      deleteElements: [],
      addElements: [],
      writeChains: [{ name: 'nat-THEIRS', rules: [{ text: 'ip daddr @THEIRS drop' }] }],
      removeChains: [],
      removeSets: [],
    });
    expect((await apply(kernel, await planFor(kernel, nft()))).ok).toBe(true);
    expect(contentsOf(kernel)).toEqual(before);
  });

  it('is refused where the table is not in the scope', async () => {
    const kernel = fakeKernel();
    const families = SCOPE.families.map((family) => ({ ...family, nft: false }));
    const scope = { ...SCOPE, families };
    const observed = await observe(kernel, scope, nft());
    expect(() => plan(nft(), observed, scope)).toThrow(/^rules: expected iptables/);
    const other = JSON.parse(JSON.stringify({ ...nft(), rules: 'ipfw' })) as DesiredState;
    expect(() => plan(other, observed, SCOPE)).toThrow(/^rules: expected iptables or nft, received "ipfw"/);
  });
});

describe('from one back end to the other', () => {
  it('new rules are in force before the old ones go, and services stay open', async () => {
    const kernel = await programmed(iptables);
    const steps = await planFor(kernel, nft());
    expect(kinds(steps)).toEqual(['applyNft', 'applyRules', 'destroySet']);
    expect((await apply(kernel, steps)).ok).toBe(true);
    expect((await kernel.rules.read('inet', SCOPE.families[0]?.chains ?? [])).chains).toEqual([]);
    expect(await kernel.ipset.get('OURS-A')).toBeUndefined();

    const back = await planFor(kernel, iptables);
    expect(kinds(back)).toEqual(['createSet', 'addEntry', 'applyRules', 'applyNft']);
    expect((await apply(kernel, back)).ok).toBe(true);
    expect(contentsOf(kernel)).toEqual(contentsOf(await programmed(iptables)));
  });

  it('old rules and their sets stay when the new ones are refused', async () => {
    const kernel = await programmed(iptables);
    const before = contentsOf(kernel);
    kernel.fake.nft.fault = (call) => (call === 'apply' ? refusal : undefined);
    const report = await apply(kernel, await planFor(kernel, nft()));
    expect(report.results.map(({ status }) => status)).toEqual(['failed', 'skipped', 'skipped']);
    expect(contentsOf(kernel)).toEqual(before);
  });

  it('our table stays when the rules of iptables are refused', async () => {
    const kernel = await programmed(nft());
    const table = kernel.fake.nft.dump();
    const steps = await planFor(kernel, iptables);
    kernel.fake.runner.fault = (argv) =>
      argv[0] === 'iptables-restore' ? { exitCode: 4, stdout: '', stderr: 'no' } : undefined;
    const report = await apply(kernel, steps);
    expect(report.results.slice(-2).map(({ operation, status }) => [operation.op, status])).toEqual([
      ['applyRules', 'failed'],
      ['applyNft', 'skipped'],
    ]);
    expect(kernel.fake.nft.dump()).toBe(table);
  });

  it('cleanup takes the things of both away', async () => {
    const kernel = await programmed(iptables);
    const [first] = transactions(await planFor(fakeKernel(), nft()));
    if (first !== undefined) await kernel.nft.apply(first.diff);
    expect((await apply(kernel, await planFor(kernel, nothing()))).ok).toBe(true);
    expect(contentsOf(kernel)).toEqual(contentsOf(fakeKernel()));
  });

  it('a back end whose program is missing, or that the kernel lacks, holds nothing, unless it is the one that is wanted', async () => {
    const missing = new CommandError({ argv: ['nft'], stderr: '', missing: true });
    const kernel = fakeKernel();
    kernel.fake.nft.fault = () => missing;
    expect((await apply(kernel, await planFor(kernel, iptables))).ok).toBe(true);
    await expect(planFor(kernel, nft())).rejects.toBe(missing);
    for (const stderr of [
      'mnl.c:60: Unable to initialize Netlink socket: Protocol not supported\n',
      'netlink: Error: cache initialization failed: Invalid argument\n',
      'Error: JSON support not compiled-in\n',
    ]) {
      const lacking = new CommandError({ argv: ['nft'], exitCode: 1, stderr });
      kernel.fake.nft.fault = () => lacking;
      expect((await planFor(kernel, iptables)).isEmpty).toBe(true);
      await expect(planFor(kernel, nft())).rejects.toBe(lacking);
    }
    kernel.fake.nft.fault = () => refusal;
    await expect(planFor(kernel, iptables)).rejects.toBe(refusal);
  });
});

describe('a transaction that is refused', () => {
  it('opens no new service, and is not gone on from', async () => {
    const kernel = await programmed(nft());
    kernel.fake.nft.fault = (call) => (call === 'apply' ? refusal : undefined);
    const next = nft({
      servers: { ...contents.servers, 'tcp://10.96.0.11:80': ['10.244.1.3:8080'] },
      entries: ['10.96.0.11,tcp:80'],
    });
    const report = await apply(kernel, await planFor(kernel, next));
    expect(
      report.results
        .filter(({ status }) => status !== 'done')
        .map(({ operation, status }) => [operation.op, status]),
    ).toEqual([
      ['applyNft', 'failed'],
      ['addVirtualServer', 'skipped'],
      ['addRealServer', 'skipped'],
      ['applyNft', 'skipped'],
    ]);
    kernel.fake.nft.fault = undefined;
    expect((await apply(kernel, await planFor(kernel, next))).ok).toBe(true);
    expect((await planFor(kernel, next)).isEmpty).toBe(true);
  });
});
