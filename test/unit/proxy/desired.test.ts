import { describe, expect, it } from 'vitest';
import { endpoint, entries, ingress, NODE, servers, service, slice, wanted } from './objects.js';

const local = endpoint('10.244.1.2', 'node-a');
const remote = endpoint('10.244.2.3', 'node-b');
const unready = { conditions: { ready: false } };
const ending = { conditions: { ready: false, serving: true, terminating: true } };

describe('a ClusterIP Service', () => {
  const state = wanted([service('web'), slice('web', [local, remote])]);

  it('has a virtual server with every ready endpoint', () => {
    expect(servers(state)).toEqual(['tcp://10.96.0.10:80 -> 10.244.1.2:8080 10.244.2.3:8080']);
  });

  it('balances round robin, without persistence, every real server with weight 1 and masquerading', () => {
    expect(state.virtualServers[0]).toMatchObject({ scheduler: 'rr', persistence: false });
    expect(state.virtualServers[0]?.realServers?.[0]).toMatchObject({ weight: 1, forwarding: 'masq' });
  });

  it('is in KUBE-CLUSTER-IP, and its endpoints on this node in KUBE-LOOP-BACK', () => {
    expect(entries(state)).toEqual({
      'KUBE-CLUSTER-IP': ['10.96.0.10,tcp:80'],
      'KUBE-LOOP-BACK': ['10.244.1.2,tcp:8080,10.244.1.2'],
    });
  });

  it('has its address bound', () => {
    expect(state.boundAddresses).toEqual(['10.96.0.10']);
  });

  it('keeps its virtual server and its address when it has no endpoints', () => {
    const empty = wanted([service('web')]);
    expect(servers(empty)).toEqual(['tcp://10.96.0.10:80 ->']);
    expect(empty.boundAddresses).toEqual(['10.96.0.10']);
  });

  it('keeps an endpoint in KUBE-LOOP-BACK whatever its condition', () => {
    const state = wanted([service('web'), slice('web', [endpoint('10.244.1.2', 'node-a', unready), remote])]);
    expect(entries(state)['KUBE-LOOP-BACK']).toEqual(['10.244.1.2,tcp:8080,10.244.1.2']);
    expect(servers(state)).toEqual(['tcp://10.96.0.10:80 -> 10.244.2.3:8080']);
  });
});

describe('a Service that is not programmed', () => {
  it.each([
    ['ExternalName', { type: 'ExternalName', externalName: 'example.com' }, 'spec.type'],
    ['headless', { clusterIP: 'None' }, 'spec.clusterIP'],
    ['without cluster IP', { clusterIP: '' }, 'spec.clusterIP'],
    ['of the other family', { clusterIP: 'fd00:10:96::10' }, 'spec.clusterIPs'],
  ])('is counted with the reason: %s', (_, spec, path) => {
    const state = wanted([service('web', spec)]);
    expect(state.virtualServers).toEqual([]);
    expect(state.skipped).toMatchObject([{ object: 'Service shop/web', path }]);
  });

  it('is counted with the reason: meant for another service proxy', () => {
    const labels = { 'service.kubernetes.io/service-proxy-name': 'other' };
    const state = wanted([service('web', {}, {}, { labels })]);
    expect(state.virtualServers).toEqual([]);
    expect(state.skipped[0]?.reason).toContain('other');
  });
});

describe('session affinity', () => {
  it('becomes persistence with its timeout', () => {
    const spec = {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } },
    };
    expect(wanted([service('web', spec)]).virtualServers[0]?.persistence).toEqual({ timeout: 600 });
  });

  it('lasts three hours when nothing is said', () => {
    const state = wanted([service('web', { sessionAffinity: 'ClientIP' })]);
    expect(state.virtualServers[0]?.persistence).toEqual({ timeout: 10_800 });
  });
});

describe('the scheduler', () => {
  it('is the configured one on every virtual server', () => {
    const state = wanted([service('web')], { config: { scheduler: 'wlc' } });
    expect(state.virtualServers[0]).toMatchObject({ scheduler: 'wlc' });
    expect(state.virtualServers[0]).not.toHaveProperty('schedulerFlags');
  });

  it('hashes the port too when it is mh', () => {
    const state = wanted([service('web')], { config: { scheduler: 'mh' } });
    expect(state.virtualServers[0]).toMatchObject({ scheduler: 'mh', schedulerFlags: { port: true } });
  });
});

describe('a NodePort Service', () => {
  const nodePort = { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] };

  it('is served at every address of the node but loopback, link-local and kube-ipvs0, without binding any', () => {
    const state = wanted([service('web', nodePort), slice('web', [remote])]);
    expect(servers(state)).toEqual([
      'tcp://10.96.0.10:80 -> 10.244.2.3:8080',
      'tcp://10.244.1.1:30080 -> 10.244.2.3:8080',
      'tcp://192.0.2.11:30080 -> 10.244.2.3:8080',
    ]);
    expect(state.boundAddresses).toEqual(['10.96.0.10']);
    expect(entries(state)).toMatchObject({ 'KUBE-NODE-PORT-TCP': ['30080'] });
    expect(entries(state)).not.toHaveProperty('KUBE-NODE-PORT-LOCAL-TCP');
  });

  it.each([
    ['networks', ['192.0.2.0/24'], ['192.0.2.11']],
    ['networks of the other family only: everywhere', ['2001:db8::/32'], ['10.244.1.1', '192.0.2.11']],
    ['a /0: everywhere', ['10.0.0.0/8', '0.0.0.0/0'], ['10.244.1.1', '192.0.2.11']],
    ['primary', ['primary'], ['192.0.2.11']],
  ])('is served where nodePortAddresses says: %s', (_, nodePortAddresses, addresses) => {
    const state = wanted([service('web', nodePort)], { config: { nodePortAddresses } });
    expect(servers(state).slice(1)).toEqual(addresses.map((address) => `tcp://${address}:30080 ->`));
  });

  it('counts an address that is on kube-ipvs0 and on a real interface as the node’s own', () => {
    const interfaces = [
      { name: 'eth0', addresses: ['192.0.2.11'] },
      { name: 'kube-ipvs0', addresses: ['192.0.2.11', '10.96.0.10'] },
    ];
    const state = wanted([service('web', nodePort)], { node: { interfaces } });
    expect(servers(state).slice(1)).toEqual(['tcp://192.0.2.11:30080 ->']);
  });

  it('is reported when the node has no address to serve it at, and its cluster IP works nevertheless', () => {
    const state = wanted([service('web', nodePort)], { config: { nodePortAddresses: ['203.0.113.0/24'] } });
    expect(servers(state)).toEqual(['tcp://10.96.0.10:80 ->']);
    expect(state.skipped).toMatchObject([{ object: 'Service shop/web', path: 'spec.ports[0].nodePort' }]);
  });

  it('with policy Local leads to endpoints of this node, and is exempt from masquerading', () => {
    const spec = { ...nodePort, externalTrafficPolicy: 'Local' };
    const state = wanted([service('web', spec), slice('web', [local, remote])]);
    expect(servers(state)).toEqual([
      'tcp://10.96.0.10:80 -> 10.244.1.2:8080 10.244.2.3:8080',
      'tcp://10.244.1.1:30080 -> 10.244.1.2:8080',
      'tcp://192.0.2.11:30080 -> 10.244.1.2:8080',
    ]);
    expect(entries(state)).toMatchObject({
      'KUBE-NODE-PORT-TCP': ['30080'],
      'KUBE-NODE-PORT-LOCAL-TCP': ['30080'],
    });
  });

  it('with policy Local and no endpoint here falls back to those of the cluster', () => {
    const state = wanted([
      service('web', { ...nodePort, externalTrafficPolicy: 'Local' }),
      slice('web', [remote]),
    ]);
    expect(servers(state)).toContain('tcp://192.0.2.11:30080 -> 10.244.2.3:8080');
  });

  it('over UDP is in the UDP sets', () => {
    const ports = [{ name: 'http', protocol: 'UDP', port: 53, nodePort: 30053 }];
    const state = wanted([service('dns', { ...nodePort, ports, externalTrafficPolicy: 'Local' })]);
    expect(entries(state)).toEqual({
      'KUBE-CLUSTER-IP': ['10.96.0.10,udp:53'],
      'KUBE-NODE-PORT-UDP': ['30053'],
      'KUBE-NODE-PORT-LOCAL-UDP': ['30053'],
    });
  });

  it('over SCTP is in hash sets of node address and port, since port bitmaps know no SCTP', () => {
    const ports = [{ name: 'http', protocol: 'SCTP', port: 9, nodePort: 30009 }];
    const state = wanted([service('sig', { ...nodePort, ports })], {
      config: { nodePortAddresses: ['primary'] },
    });
    expect(entries(state)).toMatchObject({ 'KUBE-NODE-PORT-SCTP-HASH': ['192.0.2.11,sctp:30009'] });
    expect(wanted([service('web')]).sets.map(({ name }) => name)).not.toContain('KUBE-NODE-PORT-SCTP-HASH');
  });
});

describe('an external IP', () => {
  const spec = { externalIPs: ['198.51.100.10', '2001:db8::10'] };

  it('has a virtual server, an entry, and is bound; addresses of the other family do not matter', () => {
    const state = wanted([service('web', spec), slice('web', [remote])]);
    expect(servers(state)).toContain('tcp://198.51.100.10:80 -> 10.244.2.3:8080');
    expect(entries(state)['KUBE-EXTERNAL-IP']).toEqual(['198.51.100.10,tcp:80']);
    expect(state.boundAddresses).toEqual(['10.96.0.10', '198.51.100.10']);
  });

  it('is not bound when it is an address of the node: unbinding it would take it from the node', () => {
    const state = wanted([service('web', { externalIPs: ['192.0.2.11'] })]);
    expect(servers(state)).toContain('tcp://192.0.2.11:80 ->');
    expect(state.boundAddresses).toEqual(['10.96.0.10']);
  });

  it('makes policy Local count for a ClusterIP Service', () => {
    const state = wanted([
      service('web', { ...spec, externalTrafficPolicy: 'Local' }),
      slice('web', [local, remote]),
    ]);
    expect(servers(state)).toContain('tcp://198.51.100.10:80 -> 10.244.1.2:8080');
  });
});

describe('a LoadBalancer Service', () => {
  const spec = { type: 'LoadBalancer' };
  const vip = '198.51.100.20,tcp:80';

  it('has virtual servers at its addresses in VIP mode, and none at host names and addresses in proxy mode', () => {
    const status = {
      loadBalancer: {
        ingress: [
          { ip: '198.51.100.20' },
          { ip: '198.51.100.21', ipMode: 'VIP' },
          { ip: '198.51.100.22', ipMode: 'Proxy' },
          { hostname: 'lb.example' },
        ],
      },
    };
    const state = wanted([service('web', spec, status)]);
    expect(entries(state)['KUBE-LOAD-BALANCER']).toEqual([vip, '198.51.100.21,tcp:80']);
    expect(state.boundAddresses).toEqual(['10.96.0.10', '198.51.100.20', '198.51.100.21']);
  });

  it('with policy Local is in both sets', () => {
    const state = wanted([
      service('web', { ...spec, externalTrafficPolicy: 'Local' }, ingress('198.51.100.20')),
    ]);
    expect(entries(state)).toMatchObject({
      'KUBE-LOAD-BALANCER': [vip],
      'KUBE-LOAD-BALANCER-LOCAL': [vip],
    });
  });

  it('with source ranges is behind the firewall; blanks and host bits in ranges do not matter', () => {
    const ranges = { loadBalancerSourceRanges: [' 203.0.113.7/24 ', '198.51.100.7/32', '2001:db8::/32'] };
    const state = wanted([service('web', { ...spec, ...ranges }, ingress('198.51.100.20'))]);
    expect(entries(state)).toMatchObject({
      'KUBE-LOAD-BALANCER-FW': [vip],
      'KUBE-LOAD-BALANCER-SOURCE-CIDR': [`${vip},198.51.100.7`, `${vip},203.0.113.0/24`],
    });
    expect(entries(state)).not.toHaveProperty('KUBE-LOAD-BALANCER-SOURCE-IP');
  });

  it('lets the node itself in when a range holds its address', () => {
    const state = wanted([
      service('web', { ...spec, loadBalancerSourceRanges: ['192.0.2.0/24'] }, ingress('198.51.100.20')),
    ]);
    expect(entries(state)['KUBE-LOAD-BALANCER-SOURCE-IP']).toEqual([`${vip},198.51.100.20`]);
  });

  it('is not behind the firewall when all ranges are of the other family', () => {
    const state = wanted([
      service('web', { ...spec, loadBalancerSourceRanges: ['2001:db8::/32'] }, ingress('198.51.100.20')),
    ]);
    expect(entries(state)).not.toHaveProperty('KUBE-LOAD-BALANCER-FW');
  });

  it('stores the range of everybody as two halves, since the kernel refuses /0', () => {
    const four = wanted([
      service('web', { ...spec, loadBalancerSourceRanges: ['0.0.0.0/0'] }, ingress('198.51.100.20')),
    ]);
    expect(entries(four)['KUBE-LOAD-BALANCER-SOURCE-CIDR']).toEqual([
      `${vip},0.0.0.0/1`,
      `${vip},128.0.0.0/1`,
    ]);
    const six = wanted(
      [
        service(
          'web',
          { ...spec, clusterIP: 'fd00:10:96::10', loadBalancerSourceRanges: ['::/0'] },
          ingress('2001:db8::20'),
        ),
      ],
      { family: 'inet6' },
    );
    expect(entries(six)['KUBE-6-LOAD-BALANCER-SOURCE-CID']).toEqual([
      '2001:db8::20,tcp:80,8000::/1',
      '2001:db8::20,tcp:80,::/1',
    ]);
  });

  it('lets a node in whose address is not known when everybody may', () => {
    const everybody = { ...spec, loadBalancerSourceRanges: ['203.0.113.0/24', '0.0.0.0/0'] };
    const state = wanted([service('web', everybody, ingress('198.51.100.20'))], {
      node: { primaryIPs: [] },
    });
    expect(entries(state)['KUBE-LOAD-BALANCER-SOURCE-IP']).toEqual([`${vip},198.51.100.20`]);
    expect(state.refusedFromNode).toEqual([]);
  });

  it('names its health check port with policy Local', () => {
    const health = { ...spec, healthCheckNodePort: 32000 };
    expect(wanted([service('web', health)]).healthCheckNodePorts).toEqual({});
    const state = wanted([service('web', { ...health, externalTrafficPolicy: 'Local' })]);
    expect(state.healthCheckNodePorts).toEqual({ 'shop/web': 32000 });
  });

  it('may have an external IP that is the balancer’s address too', () => {
    const state = wanted([
      service('web', { ...spec, externalIPs: ['198.51.100.20'] }, ingress('198.51.100.20')),
    ]);
    expect(servers(state)).toEqual(['tcp://10.96.0.10:80 ->', 'tcp://198.51.100.20:80 ->']);
    expect(entries(state)).toMatchObject({ 'KUBE-EXTERNAL-IP': [vip], 'KUBE-LOAD-BALANCER': [vip] });
    expect(state.skipped).toEqual([]);
  });
});

describe('internalTrafficPolicy Local', () => {
  const spec = { internalTrafficPolicy: 'Local' };

  it('leads to endpoints of this node', () => {
    const state = wanted([service('web', spec), slice('web', [local, remote])]);
    expect(servers(state)).toEqual(['tcp://10.96.0.10:80 -> 10.244.1.2:8080']);
  });

  it('has no real servers when there are none here and nothing is reachable from outside', () => {
    const state = wanted([service('web', spec), slice('web', [remote])]);
    expect(servers(state)).toEqual(['tcp://10.96.0.10:80 ->']);
  });

  it('falls back to the cluster’s when the Service is reachable from outside too', () => {
    const ports = [{ name: 'http', port: 80, nodePort: 30080 }];
    const state = wanted([service('web', { ...spec, type: 'NodePort', ports }), slice('web', [remote])]);
    expect(servers(state)[0]).toBe('tcp://10.96.0.10:80 -> 10.244.2.3:8080');
  });
});

describe('endpoints', () => {
  const of = (...endpoints: Parameters<typeof slice>[1][number][]) =>
    servers(wanted([service('web'), slice('web', endpoints)]))[0];

  it('that are not ready are not used', () => {
    expect(of(local, endpoint('10.244.2.3', 'node-b', unready))).toBe(
      'tcp://10.96.0.10:80 -> 10.244.1.2:8080',
    );
  });

  it('that are terminating and still serving are used when none is ready', () => {
    expect(of(endpoint('10.244.2.3', 'node-b', ending), endpoint('10.244.1.2', 'node-a', unready))).toBe(
      'tcp://10.96.0.10:80 -> 10.244.2.3:8080',
    );
    expect(of(local, endpoint('10.244.2.3', 'node-b', ending))).toBe(
      'tcp://10.96.0.10:80 -> 10.244.1.2:8080',
    );
  });

  it('that are terminating and no longer serving are never used', () => {
    const gone = { conditions: { ready: false, serving: false, terminating: true } };
    expect(of(endpoint('10.244.2.3', 'node-b', gone))).toBe('tcp://10.96.0.10:80 ->');
  });

  it('of several slices come together, each once', () => {
    const state = wanted([
      service('web'),
      slice('web', [local, remote]),
      slice('web', [remote, endpoint('10.244.2.4')]),
    ]);
    expect(servers(state)).toEqual([
      'tcp://10.96.0.10:80 -> 10.244.1.2:8080 10.244.2.3:8080 10.244.2.4:8080',
    ]);
  });

  it('that move between slices count by the entry that is not terminating', () => {
    for (const order of [0, 1]) {
      const slices = [slice('web', [endpoint('10.244.2.3', 'node-b', ending)]), slice('web', [remote])];
      if (order === 1) slices.reverse();
      expect(servers(wanted([service('web'), ...slices, slice('web', [local])]))).toEqual([
        'tcp://10.96.0.10:80 -> 10.244.1.2:8080 10.244.2.3:8080',
      ]);
    }
  });

  it('are found by the name and the protocol of the port', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'metrics', port: 9090 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    const slicePorts = [
      { name: 'http', port: 8080 },
      { name: 'metrics', port: 9100 },
      { name: 'dns', port: 5353, protocol: 'TCP' },
    ];
    const state = wanted([service('web', { ports }), slice('web', [local], { ports: slicePorts })]);
    expect(servers(state)).toEqual([
      'tcp://10.96.0.10:80 -> 10.244.1.2:8080',
      'tcp://10.96.0.10:9090 -> 10.244.1.2:9100',
      'udp://10.96.0.10:53 ->',
    ]);
  });

  it('of a named port may listen on different ports', () => {
    const state = wanted([
      service('web'),
      slice('web', [local]),
      slice('web', [remote], { ports: [{ name: 'http', port: 9000 }] }),
    ]);
    expect(servers(state)).toEqual(['tcp://10.96.0.10:80 -> 10.244.1.2:8080 10.244.2.3:9000']);
  });

  it('of another Service, another namespace, another family or without port numbers are not used', () => {
    const foreign = {
      metadata: { namespace: 'other', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    };
    const state = wanted([
      service('web'),
      slice('webs', [remote]),
      slice('web', [remote], foreign),
      slice('web', [endpoint('fd00::3')], { addressType: 'IPv6' }),
      slice('web', [remote], { ports: [{ name: 'http' }] }),
    ]);
    expect(servers(state)).toEqual(['tcp://10.96.0.10:80 ->']);
  });

  describe('with topology hints', () => {
    const zone = (address: string, ...names: string[]) =>
      endpoint(address, 'node-b', { hints: { forZones: names.map((name) => ({ name })) } });
    const node = (address: string, ...names: string[]) =>
      endpoint(address, 'node-b', { hints: { forNodes: names.map((name) => ({ name })) } });

    it('are those for this zone', () => {
      expect(of(zone('10.244.2.3', 'zone-1'), zone('10.244.2.4', 'zone-2'))).toBe(
        'tcp://10.96.0.10:80 -> 10.244.2.3:8080',
      );
    });
    it('are those for this node', () => {
      expect(of(node('10.244.2.3', 'node-b'), node('10.244.2.4', 'node-a'))).toBe(
        'tcp://10.96.0.10:80 -> 10.244.2.4:8080',
      );
    });
    it('are all of them when one has no hint, or none is for this zone', () => {
      const both = 'tcp://10.96.0.10:80 -> 10.244.2.3:8080 10.244.2.4:8080';
      expect(of(zone('10.244.2.3', 'zone-1'), endpoint('10.244.2.4'))).toBe(both);
      expect(of(zone('10.244.2.3', 'zone-2'), zone('10.244.2.4', 'zone-2'))).toBe(both);
    });
  });
});

describe('a dual-stack Service', () => {
  const objects = [
    service('web', {
      clusterIP: '10.96.0.10',
      clusterIPs: ['10.96.0.10', 'FD00:10:96::0:10'],
      ipFamilies: ['IPv4', 'IPv6'],
      externalIPs: ['198.51.100.10', '2001:db8::10'],
    }),
    slice('web', [local]),
    slice('web', [endpoint('fd00:10:244::2', 'node-a')], { addressType: 'IPv6' }),
  ];

  it('has in each family what belongs to it, under the names of the family', () => {
    expect(servers(wanted(objects))).toEqual([
      'tcp://10.96.0.10:80 -> 10.244.1.2:8080',
      'tcp://198.51.100.10:80 -> 10.244.1.2:8080',
    ]);
    const six = wanted(objects, { family: 'inet6' });
    expect(servers(six)).toEqual([
      'tcp://[2001:db8::10]:80 -> fd00:10:244::2:8080',
      'tcp://[fd00:10:96::10]:80 -> fd00:10:244::2:8080',
    ]);
    expect(entries(six)).toEqual({
      'KUBE-6-CLUSTER-IP': ['fd00:10:96::10,tcp:80'],
      'KUBE-6-EXTERNAL-IP': ['2001:db8::10,tcp:80'],
      'KUBE-6-LOOP-BACK': ['fd00:10:244::2,tcp:8080,fd00:10:244::2'],
    });
    expect(six.boundAddresses).toEqual(['2001:db8::10', 'fd00:10:96::10']);
  });

  it('has set names of at most 31 characters', () => {
    for (const { name } of wanted([], { family: 'inet6' }).sets) expect(name.length).toBeLessThanOrEqual(31);
  });

  it('leaves out a family that is not configured', () => {
    expect(() => wanted(objects, { config: { families: ['inet'] }, family: 'inet6' })).toThrow('not there');
  });
});

describe('two Services with the same address and port', () => {
  const objects = [service('web'), service('other'), slice('web', [local]), slice('other', [remote])];

  it('are decided by name, whatever the order, and the other is reported', () => {
    for (const list of [objects, [...objects].reverse()]) {
      const state = wanted(list);
      expect(servers(state)).toEqual(['tcp://10.96.0.10:80 -> 10.244.2.3:8080']);
      expect(state.skipped).toEqual([
        {
          object: 'Service shop/web',
          path: 'spec.ports[0]',
          reason: 'tcp://10.96.0.10:80 is taken by Service shop/other',
          intended: false,
        },
      ]);
    }
  });
});

describe('the rules', () => {
  const chains = (state: ReturnType<typeof wanted>) => state.rules.chains.map(({ name }) => name);

  it('follow from what is in the sets', () => {
    expect(chains(wanted([service('web')]))).not.toContain('KUBE-LOAD-BALANCER');
    expect(chains(wanted([service('web', { type: 'LoadBalancer' }, ingress('198.51.100.20'))]))).toContain(
      'KUBE-LOAD-BALANCER',
    );
  });

  it('take the cluster CIDR of the family', () => {
    const config = { clusterCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] };
    const text = (family: 'inet' | 'inet6') =>
      JSON.stringify(
        wanted([service('web', { clusterIPs: ['10.96.0.10', 'fd00::10'] })], { config, family }).rules,
      );
    expect(text('inet')).toContain('10.244.0.0/16');
    expect(text('inet')).not.toContain('fd00:10:244');
    expect(text('inet6')).toContain('fd00:10:244::/48');
  });

  it('drop what source ranges refuse, unless that is left to others', () => {
    const objects = [
      service(
        'web',
        { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24'] },
        ingress('198.51.100.20'),
      ),
    ];
    const filter = (dropMarked: boolean) =>
      wanted(objects, { config: { dropMarked } }).rules.chains.filter(({ table }) => table === 'filter')
        .length;
    expect([filter(true), filter(false)]).toEqual([1, 0]);
  });
});

describe('desired state as a whole', () => {
  it('has every set of the profile, empty or not, with type and family', () => {
    expect(wanted([]).sets).toEqual([
      { name: 'KUBE-LOOP-BACK', type: 'hash:ip,port,ip', family: 'inet', entries: [] },
      { name: 'KUBE-CLUSTER-IP', type: 'hash:ip,port', family: 'inet', entries: [] },
      { name: 'KUBE-EXTERNAL-IP', type: 'hash:ip,port', family: 'inet', entries: [] },
      { name: 'KUBE-LOAD-BALANCER-LOCAL', type: 'hash:ip,port', family: 'inet', entries: [] },
      { name: 'KUBE-LOAD-BALANCER-SOURCE-CIDR', type: 'hash:ip,port,net', family: 'inet', entries: [] },
      { name: 'KUBE-LOAD-BALANCER-SOURCE-IP', type: 'hash:ip,port,ip', family: 'inet', entries: [] },
      { name: 'KUBE-LOAD-BALANCER-FW', type: 'hash:ip,port', family: 'inet', entries: [] },
      { name: 'KUBE-LOAD-BALANCER', type: 'hash:ip,port', family: 'inet', entries: [] },
      { name: 'KUBE-NODE-PORT-LOCAL-TCP', type: 'bitmap:port', range: [0, 65535], entries: [] },
      { name: 'KUBE-NODE-PORT-TCP', type: 'bitmap:port', range: [0, 65535], entries: [] },
      { name: 'KUBE-NODE-PORT-LOCAL-UDP', type: 'bitmap:port', range: [0, 65535], entries: [] },
      { name: 'KUBE-NODE-PORT-UDP', type: 'bitmap:port', range: [0, 65535], entries: [] },
    ]);
  });

  it('does without anything but the name of the node', () => {
    const node = { ...NODE, primaryIPs: [], interfaces: [], labels: {} };
    expect(servers(wanted([service('web'), slice('web', [local])], { node }))).toHaveLength(1);
  });
});
