import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { schemaErrors } from '../../support/json-schema.js';
import {
  desired,
  parseNodeFacts,
  proxyConfig,
  readManifests,
  renderState,
} from '../../../src/proxy/index.js';

const example = (name: string): Promise<string> =>
  readFile(new URL(`../../../examples/${name}`, import.meta.url), 'utf8');

const schema: unknown = JSON.parse(
  await readFile(new URL('../../../docs/rendered-state.schema.json', import.meta.url), 'utf8'),
);

describe('the sample cluster, rendered', async () => {
  const { services, slices, problems } = readManifests([
    { file: 'cluster.yaml', text: await example('cluster.yaml') },
  ]);
  const node = parseNodeFacts(JSON.parse(await example('node-facts.json')));
  const { families } = renderState(desired(services, slices, node, proxyConfig()));
  const [four, six] = families;

  it('has nothing wrong with it', () => {
    expect(problems).toEqual([]);
    expect(families.map(({ family }) => family)).toEqual(['ipv4', 'ipv6']);
  });

  it('shows virtual servers in the kernel’s terms', () => {
    expect(four?.virtualServers.find(({ address }) => address === '10.96.0.50')).toEqual({
      address: '10.96.0.50',
      port: 80,
      protocol: 'tcp',
      scheduler: 'rr',
      flags: 1,
      persistenceTimeout: 600,
      realServers: ['10.244.1.11', '10.244.1.12', '10.244.2.13'].map((address) => ({
        address,
        port: 8080,
        weight: 1,
        forwarding: 'masq',
      })),
    });
    expect(six?.virtualServers.map(({ address }) => address)).toEqual(['fd00:10:96::10']);
  });

  it('shows rules as iptables-save prints them, jumps apart', () => {
    expect(four?.rules.nat['KUBE-MARK-MASQ']).toEqual([
      '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    ]);
    expect(four?.jumps[0]).toEqual({
      table: 'nat',
      rule: '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    });
  });

  it('shows settings, bound addresses and what is left out', () => {
    expect(four?.sysctls).toMatchObject({ 'net/ipv4/vs/conntrack': '1' });
    expect(four?.boundAddresses).toContain('198.51.100.20');
    expect(four?.skipped).toMatchObject([{ object: 'Service shop/web-headless', path: 'spec.clusterIP' }]);
  });

  it('has the port flag of mh, and no family for port bitmaps', () => {
    const mh = renderState(desired(services, slices, node, proxyConfig({ scheduler: 'mh' })));
    expect(mh.families[0]?.virtualServers[0]?.flags).toBe(0x10);
    expect(four?.sets.find(({ name }) => name === 'KUBE-NODE-PORT-TCP')).toEqual({
      name: 'KUBE-NODE-PORT-TCP',
      type: 'bitmap:port',
      family: null,
      entries: ['30080', '30081'],
    });
  });

  it.each(['classic', 'current'] as const)('is what the published schema says: %s profile', (profile) => {
    const state = renderState(desired(services, slices, node, proxyConfig({ profile, scheduler: 'mh' })));
    expect(schemaErrors(schema, JSON.parse(JSON.stringify(state)))).toEqual([]);
  });

  it('is refused by the schema when a field is missing, unknown or of another type', () => {
    const [first] = families;
    for (const [change, error] of [
      [{ virtualServers: undefined }, '$.families[0]: virtualServers is missing'],
      [{ extra: 1 }, '$.families[0]: extra is unknown'],
      [{ boundAddresses: [7] }, '$.families[0].boundAddresses[0]: no string'],
      [{ family: 'inet' }, '$.families[0].family: "inet" is none of ["ipv4","ipv6"]'],
    ] as const) {
      const wrong: unknown = JSON.parse(JSON.stringify({ families: [{ ...first, ...change }] }));
      expect(schemaErrors(schema, wrong)).toEqual([error]);
    }
  });
});
