import { describe, expect, it } from 'vitest';
import { readManifests } from '../../../src/proxy/index.js';
import {
  endpoint,
  entries,
  type Fields,
  ingress,
  servers,
  service,
  type Setting,
  slice,
  wanted,
} from './objects.js';

const local = endpoint('10.244.1.2', 'node-a');
const remote = endpoint('10.244.2.3', 'node-b');
const annotated = (annotations: Fields, spec: Fields = {}, status: Fields = {}) =>
  service('web', spec, status, {
    annotations: Object.fromEntries(Object.entries(annotations).map(([k, v]) => [`ipvs.proxy/${k}`, v])),
  });
const state = (annotations: Fields, setting: Setting = {}) =>
  wanted([annotated(annotations), slice('web', [local, remote])], setting);
const first = (annotations: Fields, setting: Setting = {}) => state(annotations, setting).virtualServers[0];
const problemsOf = (object: Fields) =>
  readManifests([{ file: 'm', text: JSON.stringify(object) }]).problems.map(({ path, reason }) => [
    path,
    reason,
  ]);

describe('annotations of a Service', () => {
  it('choose its scheduler, and nobody else’s', () => {
    const both = wanted([annotated({ scheduler: 'wlc' }), service('other', { clusterIP: '10.96.0.11' })]);
    expect(both.virtualServers.map(({ scheduler }) => scheduler)).toEqual(['wlc', 'rr']);
  });

  it.each([
    [{ scheduler: 'mh' }, { port: true }],
    [{ scheduler: 'mh', 'scheduler-flags': 'none' }, undefined],
    [{ scheduler: 'mh', 'scheduler-flags': 'fallback' }, { fallback: true }],
    [
      { scheduler: 'sh', 'scheduler-flags': 'port, fallback' },
      { fallback: true, port: true },
    ],
    [{ scheduler: 'sh' }, undefined],
  ])('choose flags of the scheduler: %o', (annotations, flags) => {
    expect(first(annotations)?.schedulerFlags).toEqual(flags);
  });

  it('choose flags for the configured scheduler, or say that it has none', () => {
    const setting = { config: { scheduler: 'sh' } };
    expect(first({ 'scheduler-flags': 'port' }, setting)?.schedulerFlags).toEqual({ port: true });
    const without = state({ 'scheduler-flags': 'port' });
    expect(without.virtualServers[0]).not.toHaveProperty('schedulerFlags');
    expect(without.skipped).toEqual([
      {
        object: 'Service shop/web',
        path: 'metadata.annotations.ipvs.proxy/scheduler-flags',
        reason: 'the flags are left out: the scheduler rr has none',
        intended: false,
      },
    ]);
  });

  it.each([
    ['90', { timeout: 90 }],
    ['10m', { timeout: 600 }],
    ['0', false],
  ])('set persistence to %s, whatever sessionAffinity says', (text, persistence) => {
    expect(first({ 'persistence-timeout': text })?.persistence).toEqual(persistence);
    const affine = wanted([annotated({ 'persistence-timeout': text }, { sessionAffinity: 'ClientIP' })]);
    expect(affine.virtualServers[0]?.persistence).toEqual(persistence);
  });

  it('weigh endpoints by address, else by node, else all others; in both families', () => {
    const weights = '10.244.1.2=5, node-b=2, FD00:0::9=7 , *=0';
    const weightsOf = (family: 'inet' | 'inet6') =>
      wanted(
        [
          annotated({ weights }, { clusterIPs: ['10.96.0.10', 'fd00:10:96::10'] }),
          slice('web', [local, remote, endpoint('10.244.3.4', 'node-c')]),
          slice('web', [endpoint('fd00::9', 'node-b'), endpoint('fd00::a', 'node-a')], {
            addressType: 'IPv6',
          }),
        ],
        { family },
      ).virtualServers[0]?.realServers?.map((real) => (typeof real === 'string' ? real : real.weight));
    expect(weightsOf('inet')).toEqual([5, 2, 0]);
    expect(weightsOf('inet6')).toEqual([7, 0]);
  });

  it('of a slice weigh its endpoints, before those of the Service', () => {
    const weighted = slice('web', [remote]);
    const metadata = {
      ...(weighted['metadata'] as Fields),
      annotations: { 'ipvs.proxy/weights': 'node-b=9' },
    };
    const { virtualServers } = wanted([
      annotated({ weights: '*=3' }),
      slice('web', [local]),
      { ...weighted, metadata },
    ]);
    expect(virtualServers[0]?.realServers).toMatchObject([{ weight: 3 }, { weight: 9 }]);
  });

  it.each([
    [{ scheduler: 'round robin' }, 'scheduler', 'the name of a scheduler'],
    [{ 'scheduler-flags': 'sticky' }, 'scheduler-flags', 'fallback, port'],
    [{ 'scheduler-flags': 'none,port' }, 'scheduler-flags', 'fallback, port'],
    [{ scheduler: 'rr', 'scheduler-flags': 'port' }, 'scheduler-flags', 'only sh and mh'],
    [{ 'persistence-timeout': 'long' }, 'persistence-timeout', 'a duration'],
    [{ 'persistence-timeout': '9999999' }, 'persistence-timeout', '2678400'],
    [{ forwarding: 'bypass' }, 'forwarding', 'masq, dr, tunnel'],
    [{ weights: '10.244.1.2' }, 'weights', 'ADDRESS=WEIGHT'],
    [{ weights: '*=1,*=2' }, 'weights', 'each once'],
    [{ weights: '*=4294967295' }, 'weights', 'ADDRESS=WEIGHT'],
    [{ weights: ' ' }, 'weights', 'at least one'],
    [{ wieghts: '*=1' }, 'wieghts', 'one of ipvs.proxy/scheduler'],
  ])('are refused with the Service, by name: %o', (annotations, name, reason) => {
    expect(problemsOf(annotated(annotations))).toEqual([
      [`metadata.annotations.ipvs.proxy/${name}`, expect.stringContaining(reason)],
    ]);
  });

  it('of others mean nothing', () => {
    expect(problemsOf(service('web', {}, {}, { annotations: { 'ipvs.example/scheduler': 'x y' } }))).toEqual(
      [],
    );
  });
});

describe('direct routing and tunnels', () => {
  const ports = [{ name: 'http', port: 80, nodePort: 30080 }];
  const slices = [slice('web', [local, remote], { ports: [{ name: 'http', port: 80 }] })];
  const spec = { type: 'LoadBalancer', ports, externalIPs: ['198.51.100.10'] };

  it.each([
    ['dr', 'dr'],
    ['gate', 'dr'],
    ['tunnel', 'tunnel'],
  ])('are the forwarding method of every real server: %s', (word, forwarding) => {
    const { virtualServers } = wanted([annotated({ forwarding: word }), ...slices]);
    expect(virtualServers[0]?.realServers).toMatchObject([{ forwarding }, { forwarding }]);
  });

  it('keep the client’s address: nothing marks their packets, not even at an external IP', () => {
    const routed = wanted([annotated({ forwarding: 'dr' }, spec, ingress('198.51.100.20')), ...slices]);
    expect(entries(routed)).toEqual({
      'KUBE-LOOP-BACK': ['10.244.1.2,tcp:80,10.244.1.2'],
      'KUBE-LOAD-BALANCER': ['198.51.100.20,tcp:80'],
      'KUBE-LOAD-BALANCER-LOCAL': ['198.51.100.20,tcp:80'],
    });
    expect(routed.boundAddresses).toEqual(['10.96.0.10', '198.51.100.10', '198.51.100.20']);
  });

  it('have no node ports, which no endpoint could answer', () => {
    const routed = wanted([annotated({ forwarding: 'dr' }, spec), ...slices]);
    expect(servers(routed).filter((text) => text.includes(':30080'))).toEqual([]);
    expect(routed.skipped).toMatchObject([{ path: 'spec.ports[0].nodePort', intended: false }]);
  });

  it('leave out endpoints at another port than the Service’s', () => {
    const routed = wanted([
      annotated({ forwarding: 'tunnel' }),
      ...slices,
      slice('web', [endpoint('10.244.9.9')]),
    ]);
    expect(servers(routed)).toEqual(['tcp://10.96.0.10:80 -> 10.244.1.2:80 10.244.2.3:80']);
    expect(routed.skipped).toMatchObject([
      {
        path: 'spec.ports[0].targetPort',
        reason: 'endpoints on port 8080 cannot be reached: tunnel keeps the port of the Service, 80',
      },
    ]);
  });
});
