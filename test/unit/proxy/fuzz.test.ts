import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { schemaErrors } from '../../support/json-schema.js';
import { isValidation } from '../../../src/errors.js';
import {
  desired,
  desiredView,
  explain,
  type NodeFacts,
  parseKubeProxyConfiguration,
  parseNodeFacts,
  proxyConfig,
  readKubeProxyConfiguration,
  readManifests,
  renderState,
} from '../../../src/proxy/index.js';

const schema: unknown = JSON.parse(
  await readFile(new URL('../../../docs/rendered-state.schema.json', import.meta.url), 'utf8'),
);

/** Whatever is read, it is refused with a typed error or used; nothing else is ever thrown. */

const NODE: NodeFacts = parseNodeFacts({
  name: 'node-a',
  labels: { 'topology.kubernetes.io/zone': 'zone-1' },
  primaryIPs: ['192.0.2.11', '2001:db8:10::11'],
  interfaces: [
    { name: 'eth0', addresses: ['192.0.2.11/24', '2001:db8:10::11/64'] },
    { name: 'kube-ipvs0', addresses: ['10.96.0.1'] },
  ],
});

/** Values of every sort, good and bad ones, so that objects are sometimes right and sometimes wrong in one place. */
const junk = fc.oneof(
  fc.constantFrom(null, '', 'None', '__proto__', -1, 0, 1e9, 0.5, true, [], {}),
  fc.jsonValue(),
);
const mostly = <T>(good: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 120, arbitrary: good }, { weight: 1, arbitrary: junk });
const address = fc.oneof(
  fc.constantFrom(
    '10.96.0.10',
    '10.96.0.11',
    '198.51.100.20',
    '192.0.2.11',
    'fd00:10:96::10',
    '2001:DB8::0:20',
  ),
  fc.ipV4(),
  fc.ipV6(),
);
const port = fc.oneof(fc.constantFrom(80, 443, 30080), fc.integer({ min: 1, max: 65_535 }));
const name = fc.constantFrom('web', 'dns', 'constructor', 'toString', 'a.b');
const network = fc.constantFrom(
  '0.0.0.0/0',
  '::/0',
  '192.0.2.0/24',
  ' 203.0.113.0/24 ',
  '2001:db8::/32',
  '10.0.0.0/24',
);
const protocol = fc.constantFrom('TCP', 'UDP', 'SCTP');
const optional = (model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> =>
  mostly(fc.record(model, { requiredKeys: [] }));
const list = (item: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => mostly(fc.array(item, { maxLength: 3 }));

const annotations = optional({
  'ipvs.proxy/scheduler': mostly(fc.constantFrom('rr', 'mh', 'sh', 'wlc')),
  'ipvs.proxy/scheduler-flags': mostly(fc.constantFrom('port', 'none', 'fallback,port')),
  'ipvs.proxy/persistence-timeout': mostly(fc.constantFrom('0', '60', '10m')),
  'ipvs.proxy/forwarding': mostly(fc.constantFrom('masq', 'dr', 'tunnel')),
  'ipvs.proxy/weights': mostly(fc.constantFrom('*=3', 'node-a=0,10.244.1.2=5')),
});
const service = fc.record({
  apiVersion: mostly(fc.constant('v1')),
  kind: mostly(fc.constant('Service')),
  metadata: mostly(fc.record({ name, namespace: name, annotations }, { requiredKeys: ['name'] })),
  spec: optional({
    type: mostly(fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName')),
    clusterIP: mostly(address),
    clusterIPs: mostly(
      fc.constantFrom([], ['10.96.0.10'], ['10.96.0.10', 'fd00:10:96::10'], ['10.96.0.10', '10.96.0.11']),
    ),
    ipFamilies: mostly(fc.constantFrom([], ['IPv4'], ['IPv4', 'IPv6'], ['IPv5'])),
    ports: list(
      optional({
        name: mostly(name),
        port: mostly(port),
        nodePort: mostly(port),
        protocol: mostly(protocol),
      }),
    ),
    externalIPs: list(address),
    loadBalancerSourceRanges: list(network),
    externalTrafficPolicy: mostly(fc.constantFrom('Local', 'Cluster')),
    internalTrafficPolicy: mostly(fc.constantFrom('Local', 'Cluster')),
    sessionAffinity: mostly(fc.constantFrom('None', 'ClientIP')),
    sessionAffinityConfig: optional({
      clientIP: optional({ timeoutSeconds: mostly(fc.integer({ min: 1, max: 86_401 })) }),
    }),
    healthCheckNodePort: mostly(port),
  }),
  status: optional({
    loadBalancer: optional({ ingress: list(optional({ ip: mostly(address), ipMode: mostly(name) })) }),
  }),
});
const slice = fc.record({
  apiVersion: mostly(fc.constant('discovery.k8s.io/v1')),
  kind: mostly(fc.constant('EndpointSlice')),
  metadata: mostly(
    fc.record({ name, namespace: name, labels: optional({ 'kubernetes.io/service-name': mostly(name) }) }),
  ),
  addressType: mostly(fc.constantFrom('IPv4', 'IPv6', 'FQDN')),
  ports: list(optional({ name: mostly(name), port: mostly(port), protocol: mostly(protocol) })),
  endpoints: list(
    optional({
      addresses: list(address),
      nodeName: mostly(fc.constantFrom('node-a', 'node-b')),
      conditions: optional({ ready: mostly(fc.boolean()), terminating: mostly(fc.boolean()) }),
      hints: optional({ forZones: list(optional({ name: mostly(name) })) }),
    }),
  ),
});
const configs = fc.record(
  {
    profile: fc.constantFrom('classic' as const, 'current' as const),
    scheduler: fc.constantFrom('rr', 'mh', 'sh'),
    masqueradeAll: fc.boolean(),
    clusterCIDR: fc.constantFrom([], ['10.244.0.0/16'], ['fd00:10:244::/48', '10.244.0.0/16']),
    nodePortAddresses: fc.constantFrom([], ['primary'], ['192.0.2.0/24']),
  },
  { requiredKeys: [] },
);

describe('random manifests', () => {
  it('are reported or programmed, and what is programmed can be rendered and explained', () => {
    let programmed = 0;
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 3, arbitrary: service }, { weight: 2, arbitrary: slice }, junk), {
          maxLength: 6,
        }),
        configs,
        (items, given) => {
          const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
          const { services, slices, problems } = readManifests([{ file: 'random', text }]);
          for (const problem of problems) {
            expect(problem.reason).not.toBe('');
            expect(problem.line).toBeGreaterThan(0);
          }
          refused += problems.length;
          const config = proxyConfig(given);
          const state = desired(services, slices, NODE, config);
          const rendered = renderState(state);
          expect(schemaErrors(schema, JSON.parse(JSON.stringify(rendered)))).toEqual([]);
          // In whatever order they come.
          const reversed = desired([...services].reverse(), [...slices].reverse(), NODE, config);
          expect(renderState(reversed)).toEqual(rendered);
          for (const family of state.families) {
            const view = desiredView(family, { interface: 'kube-ipvs0', interfaces: NODE.interfaces });
            for (const { protocol, address, port } of view.virtualServers) {
              if (protocol === undefined || address === undefined || port === undefined) continue;
              const source = family.family === 'inet' ? '203.0.113.7' : '2001:db8:ffff::7';
              const { outcome } = explain(view, {
                protocol,
                source,
                destination: address,
                destinationPort: port,
              });
              expect(outcome.verdict).not.toBe('forwarded');
              programmed++;
            }
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(programmed).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
  });

  it('as random text never throw', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc
            .array(
              fc.constantFrom(
                'kind: Service\n',
                '- ',
                '---\n',
                'a: &x [*x]\n',
                '{',
                '"',
                'metadata:\n  name: web\n',
                '? ',
                '!!binary |\n',
              ),
            )
            .map((parts) => parts.join('')),
        ),
        (text) => {
          for (const { file, reason } of readManifests([{ file: 'random', text }]).problems)
            expect([file, typeof reason]).toEqual(['random', 'string']);
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** Does it end well, or with an error of ours? */
function typed(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (err) {
    if (!isValidation(err)) throw err;
    return false;
  }
}

describe('random configuration', () => {
  const field = <T>(good: fc.Arbitrary<T>): fc.Arbitrary<unknown> => mostly(good);
  const configuration = fc.record(
    {
      apiVersion: fc.constant('kubeproxy.config.k8s.io/v1alpha1'),
      kind: fc.constant('KubeProxyConfiguration'),
      mode: field(fc.constantFrom('', 'ipvs')),
      clusterCIDR: field(fc.constantFrom('', '10.244.0.0/16', '10.0.0.0/8,fd00::/48')),
      detectLocalMode: field(fc.constantFrom('', 'ClusterCIDR', 'NodeCIDR')),
      nodePortAddresses: list(fc.constantFrom('primary', '192.0.2.0/24')),
      iptables: optional({
        masqueradeAll: field(fc.boolean()),
        masqueradeBit: field(fc.integer({ min: 0, max: 31 })),
      }),
      ipvs: optional({
        scheduler: field(fc.constantFrom('', 'rr', 'mh')),
        tcpTimeout: field(fc.constantFrom('0s', '15m', '1h30m')),
        excludeCIDRs: list(network),
      }),
    },
    { requiredKeys: ['apiVersion', 'kind'] },
  );

  it('is used or refused with a typed error, parsed or as text', () => {
    const ends = new Set<boolean>();
    fc.assert(
      fc.property(configuration, (value) => {
        ends.add(typed(() => proxyConfig(parseKubeProxyConfiguration(value).config)));
        typed(() => readKubeProxyConfiguration({ file: 'random', text: JSON.stringify(value) }));
      }),
      { numRuns: 500 },
    );
    expect(ends).toEqual(new Set([true, false]));
  });

  it('as random text is refused with a typed error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        typed(() => readKubeProxyConfiguration({ file: 'random', text }));
      }),
      { numRuns: 500 },
    );
  });

  it('of a node is used or refused with a typed error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          junk,
          optional({
            name: mostly(name),
            labels: mostly(fc.dictionary(name, mostly(name))),
            podCIDRs: list(network),
            primaryIPs: list(address),
            interfaces: list(optional({ name: mostly(name), addresses: list(address) })),
          }),
        ),
        (value) => {
          typed(() => parseNodeFacts(value));
        },
      ),
      { numRuns: 500 },
    );
  });
});
