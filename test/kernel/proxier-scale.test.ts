import { expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import { Proxier } from '../../src/proxier/index.js';
import { proxyConfig } from '../../src/proxy/index.js';
import { describeKernel } from '../support/backends.js';
import { manyService, manySlice, messagesTo, NODE_A } from '../support/many-services.js';
import { makeNetns } from '../support/netns.js';

const ENDPOINTS = 10;
const few = 20;
const many = 150;
/** A machine that is emulated on a busy computer needs ten times as long as on an idle one. */
const LONG = 900_000;

describeKernel(['ipvs', 'ipset', 'rules', 'nft', 'dummy'], 'a proxier with many Services', () => {
  it.each(['iptables', 'nft'] as const)(
    'programs all of them, and changes one endpoint at the same cost as with few of them, with %s',
    async (rules) => {
      await using netns = await makeNetns('scale');
      await using kernel = await openKernel({ netns: netns.path });
      const config = proxyConfig({ families: ['inet'], profile: 'current', rules });
      const proxier = new Proxier(kernel, config, {
        node: NODE_A,
        syncPeriod: 0x7fffffff,
        health: false,
        conntrack: false,
      });
      const programmed = async (count: number): Promise<void> => {
        const indexes = Array.from({ length: count }, (_, i) => i);
        proxier.replace(
          indexes.map(manyService),
          indexes.map((i) => manySlice(i, ENDPOINTS)),
        );
        const report = await proxier.sync();
        expect(report).not.toHaveProperty('error');
        expect(report).toMatchObject({ kind: 'full', apply: { ok: true } });
      };
      /** One endpoint goes, and another one comes. */
      const oneEndpoint = async (i: number) => {
        const before = messagesTo(kernel);
        proxier.upsertSlice(manySlice(i, ENDPOINTS, 1));
        const { error, kind, examined, operations } = await proxier.sync();
        expect({ error, kind }).toEqual({ error: undefined, kind: 'incremental' });
        return {
          examined,
          operations: operations.map(({ op }) => op),
          messages: messagesTo(kernel) - before,
        };
      };
      await programmed(few);
      const cost = await oneEndpoint(1);
      expect(cost.examined).toEqual({ services: 1, virtualServers: 2, realServers: 2 * ENDPOINTS + 1 });
      // The new real server, the old one at weight 0, what says that it is on this node, and after another look the old one.
      expect(cost.operations).toEqual([
        'addRealServer',
        'setRealServer',
        rules === 'nft' ? 'applyNft' : 'deleteEntry',
        'removeRealServer',
      ]);

      await programmed(many);
      expect(await kernel.ipvs.list({ realServers: true })).toHaveLength(many);
      expect(await oneEndpoint(many - 1)).toEqual(cost);
      const again = await proxier.sync({ full: true });
      expect(again).toMatchObject({
        operations: [],
        examined: { virtualServers: many, realServers: many * ENDPOINTS },
      });
    },
    LONG,
  );
});
