import { describe, expect, it } from 'vitest';
import { deriveNodeFacts, parseNodeFacts, type Profile, proxyConfig } from '../../../src/proxy/index.js';
import { fakeKernel } from '../../../src/testing.js';

describe('node facts from JSON', () => {
  it('are canonical; addresses may carry a prefix length', () => {
    expect(
      parseNodeFacts({
        name: 'node-a',
        primaryIPs: ['192.0.2.11', '2001:DB8::0:11'],
        podCIDRs: ['10.244.1.9/24'],
        interfaces: [{ name: 'eth0', addresses: ['192.0.2.11/24', '::ffff:192.0.2.12'] }],
      }),
    ).toEqual({
      name: 'node-a',
      labels: {},
      primaryIPs: ['192.0.2.11', '2001:db8::11'],
      podCIDRs: ['10.244.1.0/24'],
      interfaces: [{ name: 'eth0', addresses: ['192.0.2.11', '192.0.2.12'], networks: ['192.0.2.0/24'] }],
    });
  });

  it.each([
    ['no object', [], 'node'],
    ['no name', {}, 'name'],
    ['an unknown field', { name: 'a', podCIDR: 'x' }, 'podCIDR'],
    ['a malformed address', { name: 'a', primaryIPs: ['x'] }, 'primaryIPs[0]'],
    ['two primary addresses of a family', { name: 'a', primaryIPs: ['10.0.0.1', '10.0.0.2'] }, 'primaryIPs'],
    [
      'a malformed interface address',
      { name: 'a', interfaces: [{ name: 'eth0', addresses: [7] }] },
      'interfaces[0].addresses[0]',
    ],
  ])('are refused: %s', (_, value, path) => {
    expect(() => parseNodeFacts(value)).toThrow(expect.objectContaining({ path }));
  });
});

describe('node facts from a kernel', () => {
  it('have its interfaces and addresses, without taking a bound address for the node’s own', async () => {
    const kernel = fakeKernel();
    await kernel.link.ensureDummy('kube-ipvs0');
    await kernel.link.addAddresses('kube-ipvs0', ['10.96.0.10']);
    await kernel.link.ensureDummy('eth0');
    await kernel.link.addAddresses('eth0', ['192.0.2.11', '2001:db8::11']);
    const node = await deriveNodeFacts(kernel, ' Node-A ');
    expect(node).toMatchObject({ name: 'node-a', primaryIPs: ['192.0.2.11', '2001:db8::11'] });
    expect(node.interfaces).toContainEqual({
      name: 'eth0',
      addresses: ['192.0.2.11', '2001:db8::11'],
      networks: ['192.0.2.11/32', '2001:db8::11/128'],
    });
    await kernel.close();
  });
});

describe('configuration', () => {
  it('is kube-proxy’s when nothing is said', () => {
    expect(proxyConfig()).toMatchObject({ scheduler: 'rr', masqueradeBit: 14, masqueradeAll: false });
  });

  it.each([
    ['two cluster CIDRs of a family', { clusterCIDR: ['10.0.0.0/8', '172.16.0.0/12'] }, 'clusterCIDR'],
    ['a malformed cluster CIDR', { clusterCIDR: ['10.0.0.0/40'] }, 'clusterCIDR[0]'],
    ['a bit beyond the mark', { masqueradeBit: 32 }, 'masqueradeBit'],
    ['primary among networks', { nodePortAddresses: ['primary', '10.0.0.0/8'] }, 'nodePortAddresses'],
    ['no family', { families: [] }, 'families'],
    ['a scheduler of more than 15 characters', { scheduler: 'x'.repeat(16) }, 'scheduler'],
    ['a negative timeout', { timeouts: { tcp: -1, tcpFin: 0, udp: 0 } }, 'timeouts.tcp'],
    ['a malformed excluded network', { excludeCIDRs: ['x'] }, 'excludeCIDRs[0]'],
    ['an address in place of a network', { clusterCIDR: ['10.244.0.0'] }, 'clusterCIDR[0]'],
    ['an unknown profile', { profile: 'modern' as Profile }, 'profile'],
    ['an unknown family', { families: ['ipv4' as 'inet'] }, 'families'],
    ['the bit that means drop', { masqueradeBit: 15 }, 'masqueradeBit'],
    [
      'a bridge whose name no interface can have',
      { detectLocalMode: 'BridgeInterface' as const, bridgeInterface: 'abcdefghijklmnop' },
      'bridgeInterface',
    ],
    [
      'a prefix to which rules cannot put a +',
      { detectLocalMode: 'InterfaceNamePrefix' as const, interfaceNamePrefix: 'abcdefghijklmno' },
      'interfaceNamePrefix',
    ],
  ])('is refused: %s', (_, config, path) => {
    expect(() => proxyConfig(config)).toThrow(expect.objectContaining({ path }));
  });

  it('takes every other bit in the classic profile, and all of them in the current one', () => {
    for (let masqueradeBit = 0; masqueradeBit < 32; masqueradeBit++) {
      expect(proxyConfig({ masqueradeBit, profile: 'current' }).masqueradeBit).toBe(masqueradeBit);
      if (masqueradeBit !== 15) expect(proxyConfig({ masqueradeBit }).masqueradeBit).toBe(masqueradeBit);
    }
  });

  it('takes the longest names that rules can have', () => {
    for (const [detectLocalMode, field, name] of [
      ['BridgeInterface', 'bridgeInterface', 'abcdefghijklmno'],
      ['InterfaceNamePrefix', 'interfaceNamePrefix', 'abcdefghijklmn'],
    ] as const)
      expect(proxyConfig({ detectLocalMode, [field]: name })[field]).toBe(name);
  });
});
