import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatProblem, ManifestError, readManifests } from '../../../src/proxy/index.js';
import { endpoint, type Fields, service, slice } from './objects.js';

const read = (text: string) => readManifests([{ file: 'cluster.yaml', text }]);
const problemsOf = (object: Fields) => read(JSON.stringify(object)).problems;

describe('reading manifests', () => {
  it('takes several documents, empty ones and comments included', () => {
    const text = ['# only a remark', JSON.stringify(service('a')), '', JSON.stringify(service('b')), ''].join(
      '\n---\n',
    );
    const { services, problems } = read(text);
    expect(services.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(services.map(({ source }) => source?.document)).toEqual([1, 3]);
    expect(problems).toEqual([]);
  });

  it.each(['List', 'ServiceList'])(
    'takes a %s, whose items may lack kind and version in a typed one',
    (kind) => {
      const { apiVersion, kind: itemKind, ...rest } = service('a');
      const item = kind === 'List' ? { apiVersion, kind: itemKind, ...rest } : rest;
      const { services, problems } = read(JSON.stringify({ apiVersion: 'v1', kind, items: [item] }));
      expect(problems).toEqual([]);
      expect(services.map(({ name }) => name)).toEqual(['a']);
    },
  );

  it('takes JSON and YAML alike', () => {
    const yaml = [
      'apiVersion: v1',
      'kind: Service',
      'metadata: { name: a, namespace: shop }',
      'spec:',
      '  clusterIP: 10.96.0.10',
      '  ports: [{ name: http, port: 80 }]',
    ].join('\n');
    expect(read(yaml).services).toEqual(read(JSON.stringify(service('a'))).services);
  });

  it('follows aliases of YAML', () => {
    const yaml = [
      'apiVersion: v1',
      'kind: Service',
      'metadata: { name: a }',
      'spec: { externalIPs: [&address 198.51.100.1], clusterIP: *address }',
    ].join('\n');
    expect(read(yaml).services).toMatchObject([{ clusterIPs: ['198.51.100.1'] }]);
  });

  it('fills in the defaults of the API', () => {
    const { services } = read('{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":null}');
    expect(services).toMatchObject([
      {
        namespace: 'default',
        type: 'ClusterIP',
        clusterIPs: [],
        headless: false,
        ports: [],
        externalTrafficPolicy: 'Cluster',
        internalTrafficPolicy: 'Cluster',
        healthCheckNodePort: 0,
      },
    ]);
  });

  it('notes objects of other kinds, and slices without Service or with host names', () => {
    const { ignored, problems, slices } = readManifests([
      { file: 'a', text: 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: shop }' },
      { file: 'b', text: JSON.stringify(slice('web', [], { metadata: { name: 'lost' } })) },
      {
        file: 'c',
        text: JSON.stringify(slice('web', [{ addresses: ['a.example'] }], { addressType: 'FQDN' })),
      },
    ]);
    expect(problems).toEqual([]);
    expect(slices).toEqual([]);
    expect(ignored.map(({ object }) => object)).toEqual([
      'Deployment shop/web',
      'EndpointSlice default/lost',
      expect.stringMatching(/^EndpointSlice shop\/web-/),
    ]);
  });
});

describe('slices of headless Services', () => {
  it('are left out, which nobody has to be told', () => {
    const headless = slice('web', [endpoint('10.244.2.3')]);
    const metadata = headless['metadata'] as { labels: Fields };
    const { slices, ignored } = read(
      JSON.stringify({
        ...headless,
        metadata: { ...metadata, labels: { ...metadata.labels, 'service.kubernetes.io/headless': '' } },
      }),
    );
    expect(slices).toEqual([]);
    expect(ignored).toMatchObject([{ reason: 'it belongs to a headless Service', intended: true }]);
  });

  it('are no other slices: who manages one does not matter, nor for which proxy', () => {
    const other = slice('web', [endpoint('10.244.2.3')]);
    const metadata = other['metadata'] as { labels: Fields };
    const labels = {
      ...metadata.labels,
      'endpointslice.kubernetes.io/managed-by': 'somebody',
      'service.kubernetes.io/service-proxy-name': 'other',
    };
    expect(read(JSON.stringify({ ...other, metadata: { ...metadata, labels } })).slices).toHaveLength(1);
  });
});

describe('a list', () => {
  it.each(['List', 'ServiceList', 'EndpointSliceList'])(
    'without items is a %s with items null, as Go writes it, or []',
    (kind) => {
      const apiVersion = kind === 'EndpointSliceList' ? 'discovery.k8s.io/v1' : 'v1';
      for (const items of [null, []])
        expect(read(JSON.stringify({ apiVersion, kind, items }))).toMatchObject({
          services: [],
          problems: [],
          ignored: [],
          empty: [],
        });
    },
  );

  it.each([
    ['misspelt', { itmes: [service('a')] }],
    ['no list', { items: service('a') }],
  ])('whose items are %s is unreadable: nobody knows what was to stay', (_, more) => {
    const { problems } = read(JSON.stringify({ apiVersion: 'v1', kind: 'List', ...more }));
    expect(problems).toMatchObject([{ path: 'items', unreadable: true }]);
  });

  it('is not every kind with such a name', () => {
    const text = 'apiVersion: example.com/v1\nkind: AllowList\nmetadata: { name: a }\n';
    expect(read(text)).toMatchObject({ problems: [], ignored: [{ object: 'AllowList default/a' }] });
  });
});

describe('a text without objects', () => {
  it.each([
    ['nothing', '', true],
    ['remarks', '# nothing yet\n---\n', true],
    ['null', 'null', true],
    ['an empty list', '[]', false],
    ['an object of another kind', 'apiVersion: v1\nkind: Secret\nmetadata: { name: a }\n', false],
    ['broken YAML', 'a: [', false],
  ])('is told from one that says that there are none: %s', (_, text, empty) => {
    expect(read(text).empty).toEqual(empty ? ['cluster.yaml'] : []);
  });
});

describe('a bad object', () => {
  it('is reported with file, line, object, path and reason, and the rest is used', () => {
    const yaml = [
      'apiVersion: v1',
      'kind: Service',
      'metadata: { name: good }',
      'spec: { clusterIP: 10.96.0.1 }',
      '---',
      'apiVersion: v1',
      'kind: Service',
      'metadata:',
      '  name: web',
      '  namespace: shop',
      'spec:',
      '  clusterIP: 10.96.0.10',
      '  ports:',
      '    - name: ok',
      '      port: 80',
      '    - name: bad',
      '      port: 81',
      '      protocol: ICMP',
    ].join('\n');
    const { services, problems } = read(yaml);
    expect(services.map(({ name }) => name)).toEqual(['good']);
    expect(problems).toEqual([
      {
        object: 'Service shop/web',
        path: 'spec.ports[1].protocol',
        reason: 'expected one of TCP, UDP, SCTP, received "ICMP"',
        file: 'cluster.yaml',
        line: 18,
        unreadable: false,
      },
    ]);
    expect(problems.map(formatProblem)).toEqual([
      'cluster.yaml:18: Service shop/web: spec.ports[1].protocol: expected one of TCP, UDP, SCTP, received "ICMP"',
    ]);
  });

  it('in a list of JSON has its line too', () => {
    const items = [service('good'), service('bad', { ports: [{ port: 70_000 }] })];
    const { problems } = read(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 1));
    expect(problems).toMatchObject([{ object: 'Service shop/bad', path: 'spec.ports[0].port' }]);
    const line = problems[0]?.line ?? 0;
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 1).split('\n');
    expect(text[line - 1]).toContain('70000');
  });

  it.each<[string, Fields, string]>([
    ['port 0', { ports: [{ port: 0 }] }, 'spec.ports[0].port'],
    ['port 70000', { ports: [{ port: 70_000 }] }, 'spec.ports[0].port'],
    ['no port', { ports: [{ name: 'x' }] }, 'spec.ports[0].port'],
    ['port as text', { ports: [{ port: '80' }] }, 'spec.ports[0].port'],
    ['node port out of range', { ports: [{ port: 80, nodePort: 65_536 }] }, 'spec.ports[0].nodePort'],
    ['the same port twice', { ports: [{ port: 80 }, { port: 80 }] }, 'spec.ports[1].port'],
    ['ports no list', { ports: { port: 80 } }, 'spec.ports'],
    ['a malformed address', { clusterIP: '10.96.0.256' }, 'spec.clusterIP'],
    ['an octal address', { clusterIP: '010.96.0.1' }, 'spec.clusterIP'],
    [
      'IPv6 where ipFamilies says IPv4',
      { clusterIPs: ['fd00::1'], ipFamilies: ['IPv4'] },
      'spec.clusterIPs[0]',
    ],
    ['two addresses of one family', { clusterIPs: ['10.96.0.1', '10.96.0.2'] }, 'spec.clusterIPs[1]'],
    ['an unknown family', { ipFamilies: ['IPv5'] }, 'spec.ipFamilies[0]'],
    ['a malformed external IP', { externalIPs: ['198.51.100.1', 'x'] }, 'spec.externalIPs[1]'],
    ['a malformed range', { loadBalancerSourceRanges: ['10.0.0.0/33'] }, 'spec.loadBalancerSourceRanges[0]'],
    ['an unknown type', { type: 'Magic' }, 'spec.type'],
    ['an unknown policy', { externalTrafficPolicy: 'local' }, 'spec.externalTrafficPolicy'],
    ['an unknown affinity', { sessionAffinity: 'Cookie' }, 'spec.sessionAffinity'],
    [
      'a timeout of more than a day',
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } } },
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
    ],
  ])('is found out: %s', (_, spec, path) => {
    expect(problemsOf(service('web', spec))).toMatchObject([{ object: 'Service shop/web', path }]);
  });

  it.each<[string, Fields, string]>([
    ['an address of the other family', slice('web', [endpoint('fd00::1')]), 'endpoints[0].addresses[0]'],
    [
      'a malformed address',
      slice('web', [endpoint('10.0.0.1'), endpoint('ten')]),
      'endpoints[1].addresses[0]',
    ],
    ['no address', slice('web', [{ addresses: [] }]), 'endpoints[0].addresses'],
    ['no address type', slice('web', [], { addressType: undefined }), 'addressType'],
    ['an unknown address type', slice('web', [], { addressType: 'IPX' }), 'addressType'],
    [
      'a condition that is no boolean',
      slice('web', [endpoint('10.0.0.1', 'n', { conditions: { ready: 'yes' } })]),
      'endpoints[0].conditions.ready',
    ],
    ['an unknown protocol', slice('web', [], { ports: [{ port: 1, protocol: 'tcp' }] }), 'ports[0].protocol'],
    ['an old version', slice('web', [], { apiVersion: 'discovery.k8s.io/v1beta1' }), 'apiVersion'],
  ])('is found out in slices: %s', (_, object, path) => {
    expect(problemsOf(object)).toMatchObject([{ path }]);
  });

  it('may be one that exists already', () => {
    const { services, problems } = read(
      [service('web'), service('web')].map((o) => JSON.stringify(o)).join('\n---\n'),
    );
    expect(services).toHaveLength(1);
    expect(problems).toMatchObject([{ object: 'Service shop/web', path: 'metadata.name', line: 3 }]);
  });

  it('may lack a name or a kind, or be no object', () => {
    const { problems } = read(
      JSON.stringify([{ apiVersion: 'v1', kind: 'Service' }, { metadata: { name: 'x' } }, 'text']),
    );
    expect(problems.map(({ object, path }) => [object, path])).toEqual([
      ['Service default/?', 'metadata.name'],
      ['object default/x', 'kind'],
      ['item [2]', ''],
    ]);
  });
});

describe('text that is no YAML', () => {
  it.each([
    ['a syntax error', 'kind: Service\nspec: [', 2],
    ['a bare value', 'hello, world', 1],
    ['an alias without anchor', 'kind: *nothing', 1],
  ])('is unreadable: %s', (_, text, line) => {
    const { problems } = read(`---\nkind: ConfigMap\n---\n${text}`);
    expect(problems).toMatchObject([
      { object: 'cluster.yaml document 2', path: '', unreadable: true, line: line + 3 },
    ]);
  });

  it('never throws, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((v) => JSON.stringify({ kind: 'Service', apiVersion: 'v1', spec: v })),
        ),
        (text) => {
          const { services, slices, problems } = read(text);
          expect(services.length + slices.length + problems.length).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});

describe('ManifestError', () => {
  it('lists every problem on a line of its own', () => {
    const { problems } = read(
      [service('a', { type: 'X' }), service('b', { type: 'Y' })]
        .map((o) => JSON.stringify(o))
        .join('\n---\n'),
    );
    const err = new ManifestError(problems);
    expect(err.message.split('\n')).toEqual(problems.map(formatProblem));
    expect(err).toMatchObject({ name: 'ManifestError', code: 'ERR_INVALID_INPUT' });
  });
});
