import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatSave } from '../../src/ipvs/save.js';
import { parseSave } from '../../src/ipvs/text/parse-save.js';
import type { IpvsOperation, RealServerSpec, VirtualServerSpec } from '../../src/ipvs/types.js';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { apply, type Plan, plan } from '../../src/plan/index.js';
import { observe } from '../../src/plan/observe.js';
import type { DesiredState, OwnershipScope } from '../../src/plan/types.js';
import { noRules } from '../../src/rules/diff.js';
import { describeKernel } from '../support/backends.js';
import { runIpvsadm } from '../support/ipvsadm.js';
import { withManyNetns } from '../support/netns.js';
import { restorableTable } from '../unit/ipvs-text/arbitraries.js';
import { address4, address6, attributesFor, isInet6, realAttributes, url } from '../unit/ipvs/arbitraries.js';

type Table = readonly VirtualServerSpec[];

/** Namespaces of a round. Each sees two tables: one that we program, and then one that the tool does. */
const NAMESPACES = 20;
/** Rounds, so that there are 200 tables. Each is a test of its own, with time enough for a busy machine. */
const ROUNDS = [1, 2, 3, 4, 5];

/** Real servers with every way of forwarding, tunnels to the other address family included. */
function realServersOf(text: string): fc.Arbitrary<readonly RealServerSpec[]> {
  const port = fc.integer({ min: 0, max: 65535 });
  const same = fc
    .tuple(isInet6(text) ? address6 : address4, port, realAttributes)
    .map(([address, number, attributes]) => ({ address, port: number, ...attributes }));
  const other = fc
    .tuple(isInet6(text) ? address4 : address6, port, realAttributes)
    .filter(([, , { forwarding }]) => forwarding === 'tunnel')
    .map(([address, number, attributes]) => ({ address, port: number, ...attributes }));
  return fc.uniqueArray(fc.oneof({ weight: 8, arbitrary: same }, { weight: 1, arbitrary: other }), {
    selector: ({ address, port: number }) => `${address} ${String(number)}`,
    maxLength: 5,
  });
}

/** Whatever the kernel takes, also what the text of ipvsadm cannot say. */
const anyTable: fc.Arbitrary<Table> = fc.uniqueArray(
  url
    .chain((text) => fc.tuple(fc.constant(text), attributesFor(text), realServersOf(text)))
    .map(([text, attributes, realServers]) => ({ url: text, ...attributes, realServers })),
  { selector: ({ url: text }) => text, minLength: 1, maxLength: 6 },
);

/** The kernel refuses broadcast addresses, and what is its own it may show otherwise. */
const isForeign = (spec: RealServerSpec): boolean =>
  typeof spec !== 'string' && !spec.address.startsWith('127.');
const foreign = (table: Table): Table =>
  table.map((server) => ({ ...server, realServers: (server.realServers ?? []).filter(isForeign) }));

/**
 * What both texts say, whatever the order (test/kernel/adm.test.ts compares that), and without what ipvsadm cannot say of a table:
 * marks from 2^31 on, and the third flag of `sh` and `mh`.
 */
function normal(text: string): readonly string[] {
  return text
    .split(/^(?=-A )/m)
    .map((block) => {
      const [first = '', ...rest] = block.trimEnd().split('\n');
      const server = first
        .replace(/-f (-\d+)/, (_, mark: string) => `-f ${String(Number(mark) + 2 ** 32)}`)
        .replace(/(-s (?:sh|mh)\b.*) -b ?(.*)$/, (_, head: string, flags: string) => {
          const known = flags.split(',').filter((flag) => flag !== '' && flag !== 'flag-3');
          return known.length === 0 ? head : `${head} -b ${known.join(',')}`;
        });
      const marked = rest.map((line) =>
        line.replace(/-f (-\d+)/, (_, mark: string) => `-f ${String(Number(mark) + 2 ** 32)}`),
      );
      return [server, ...marked.sort()].join('\n');
    })
    .filter((block) => block !== '')
    .sort();
}

function operationsOf(table: Table): readonly IpvsOperation[] {
  return table.flatMap(({ url: virtualServer, realServers = [], ...attributes }) => [
    { op: 'add' as const, virtualServer, attributes },
    ...realServers.map((realServer) => ({ op: 'addReal' as const, virtualServer, realServer })),
  ]);
}

/** One namespace: what we program there, and the text that the tool is to restore in its place. */
interface Case {
  readonly ours: Table;
  readonly restored: string;
}

const exact = (table: Table): string => formatSave(table, { thresholds: true });

async function program(kernel: Kernel, table: Table): Promise<void> {
  // Real servers cannot be added where nothing is reachable.
  await kernel.link.setUp('lo', true);
  const { ok, items } = await kernel.ipvs.batch(operationsOf(table));
  expect(items.filter(({ status }) => status !== 'done')).toEqual([]);
  expect(ok).toBe(true);
}

/** What was asked for is what is there, and asking again changes nothing. */
async function expectSettled(kernel: Kernel, table: Table): Promise<void> {
  expect(exact(await kernel.ipvs.list())).toBe(exact(table));
  const unchanged = table.reduce((sum, { realServers = [] }) => sum + 1 + realServers.length, 0);
  const compared = await kernel.ipvs.sync(table, { owner: {}, dryRun: true });
  expect(compared).toMatchObject({ changes: [], unchanged });
  for (const spec of table) expect(await kernel.ipvs.ensure(spec)).toMatchObject({ changed: false });
}

async function check(cases: readonly Case[]): Promise<void> {
  await withManyNetns(cases.length, 'table', async (paths) => {
    const kernels = await Promise.all(paths.map((netns) => openKernel({ netns })));
    try {
      for (const [i, { ours }] of cases.entries()) {
        const kernel = kernels[i];
        if (kernel === undefined) throw new Error('a kernel for every namespace');
        await program(kernel, ours);
        await expectSettled(kernel, ours);
      }
      // One process of the tool in each: print our table, clear it, program the other one.
      const heard = await runIpvsadm(
        undefined,
        cases.map(({ restored }, i) => ({
          netns: paths[i] ?? '',
          argv: ['-R'],
          stdin: `-Sn\n-C\n${restored}`,
        })),
      );
      for (const [i, { ours, restored }] of cases.entries()) {
        const tool = heard[i];
        expect({ stderr: tool?.stderr, code: tool?.code }, restored).toEqual({ stderr: '', code: 0 });
        expect(normal(tool?.stdout ?? '')).toEqual(normal(formatSave(ours)));
        const kernel = kernels[i];
        if (kernel !== undefined) await expectSettled(kernel, parseSave(restored));
        expect(exact(parseSave(restored))).toBe(restored);
      }
    } finally {
      for (const kernel of kernels) await kernel.close();
    }
  });
}

/** Nothing but virtual servers, and the sets that say whose they are. */
const SCOPE: OwnershipScope = {
  families: [
    { family: 'inet', sets: [], chains: [], record: 'TABLE-RECORD' },
    { family: 'inet6', sets: [], chains: [], record: 'TABLE-6-RECORD' },
  ],
  interface: 'table0',
};

/** A plan has no virtual servers by firewall mark: it could not record them. */
const plannable = (table: Table): Table => table.filter(({ url: text }) => !text.startsWith('fwmark'));

function desiredOf(table: Table): DesiredState {
  const families = SCOPE.families.map(({ family }) => ({
    family,
    virtualServers: table.filter(({ url: text }) => isInet6(text) === (family === 'inet6')),
    sets: [],
    rules: noRules(family),
    boundAddresses: [],
  }));
  return { families, interface: false, sysctls: [] };
}

async function planFor(kernel: Kernel, desired: DesiredState): Promise<Plan> {
  return plan(desired, await observe(kernel, SCOPE, desired), SCOPE);
}

/** From nothing to one table and on to another one; then there is nothing to do each time. */
async function checkPlans(cases: readonly (readonly Table[])[]): Promise<void> {
  await withManyNetns(cases.length, 'plan', async (paths) => {
    for (const [i, tables] of cases.entries()) {
      await using kernel = await openKernel({ netns: paths[i] ?? '' });
      await kernel.link.setUp('lo', true);
      for (const desired of tables.map(desiredOf)) {
        const { results } = await apply(kernel, await planFor(kernel, desired));
        expect(results.filter(({ status }) => status !== 'done')).toEqual([]);
        expect((await planFor(kernel, desired)).toString()).toBe('');
        const wanted = desired.families.flatMap(({ virtualServers }) => virtualServers);
        expect(exact(await kernel.ipvs.list())).toBe(exact(wanted));
      }
    }
  });
}

describeKernel(['ipvs', 'ipset', 'rules'], 'planned tables of every kind', () => {
  it('are there once they are applied, and then there is nothing to plan', async () => {
    const table = anyTable.map(foreign).map(plannable);
    const round = fc.array(fc.tuple(table, table), { minLength: NAMESPACES, maxLength: NAMESPACES });
    await fc.assert(fc.asyncProperty(round, checkPlans), { numRuns: 1, endOnFailure: true });
  });
});

describeKernel(['ipvs'], 'tables of every kind', () => {
  it.each(ROUNDS)('are the same to ipvsadm and to us, whoever programmed them: round %i', async () => {
    const one = fc.record({
      ours: anyTable.map(foreign),
      restored: restorableTable.map((table) => exact(foreign(table))),
    });
    const round = fc.array(one, { minLength: NAMESPACES, maxLength: NAMESPACES });
    // Each further run of a failed round would take as long as this one.
    await fc.assert(fc.asyncProperty(round, check), { numRuns: 1, endOnFailure: true });
  });
});
