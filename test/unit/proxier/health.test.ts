import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Proxier, type ProxierOptions } from '../../../src/proxier/index.js';
import { proxyConfig } from '../../../src/proxy/index.js';
import { fakeKernel } from '../../../src/testing.js';
import { endpoint, type Fields, ingress, NODE, service, slice } from '../proxy/objects.js';
import { objects } from './objects.js';

const open: Proxier[] = [];
afterEach(async () => {
  for (const proxier of open.splice(0)) await proxier.close();
});

/** A port that is free just now. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface Answer {
  readonly status: number;
  readonly weight: string | string[] | undefined;
  readonly body: unknown;
}

/** What a load balancer is told; undefined when nobody listens. */
async function ask(port: number): Promise<Answer | undefined> {
  const request = get({ port, host: '127.0.0.1', path: '/healthz', agent: false });
  return new Promise((resolve) => {
    request.on('error', () => resolve(undefined));
    request.on('response', (response) => {
      void text(response).then((body) =>
        resolve({
          status: response.statusCode ?? 0,
          weight: response.headers['x-load-balancing-endpoint-weight'],
          body: JSON.parse(body) as unknown,
        }),
      );
    });
  });
}

const balancer = (port: number, endpoints: readonly Fields[], name = 'web'): Fields[] => [
  service(
    name,
    {
      clusterIP: name === 'web' ? '10.96.1.1' : '10.96.1.2',
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: port,
      ports: [{ name: 'http', port: 80, nodePort: name === 'web' ? 30080 : 30081 }],
    },
    ingress(name === 'web' ? '203.0.113.1' : '203.0.113.2'),
  ),
  slice(name, endpoints, {
    metadata: { namespace: 'shop', name, labels: { 'kubernetes.io/service-name': name } },
  }),
];

function make(options: Partial<ProxierOptions> = {}): Proxier {
  const proxier = new Proxier(fakeKernel(), proxyConfig({ families: ['inet'] }), {
    node: NODE,
    health: true,
    ...options,
  });
  open.push(proxier);
  return proxier;
}

async function show(proxier: Proxier, items: readonly Fields[]): Promise<void> {
  const { services, slices } = objects(items);
  proxier.replace(services, slices);
  expect((await proxier.sync()).error).toBeUndefined();
}

describe('the health check of a load balancer', () => {
  it('is good while this node has ready endpoints, and counts their addresses', async () => {
    const port = await freePort();
    const proxier = make();
    const here = (address: string, more: Fields = {}) => endpoint(address, 'node-a', more);
    await show(
      proxier,
      balancer(port, [
        here('10.244.1.1'),
        here('10.244.1.2'),
        here('10.244.1.3', { conditions: { ready: false, serving: true, terminating: true } }),
        endpoint('10.244.2.1', 'node-b'),
      ]),
    );
    expect(await ask(port)).toEqual({
      status: 200,
      weight: '2',
      body: {
        service: { namespace: 'shop', name: 'web' },
        localEndpoints: 2,
        serviceProxyHealthy: true,
      },
    });
    await show(proxier, balancer(port, [endpoint('10.244.2.1', 'node-b')]));
    expect(await ask(port)).toMatchObject({ status: 503, weight: '0', body: { localEndpoints: 0 } });
  });

  it('is bad when services have not been programmed for long', async () => {
    const port = await freePort();
    const proxier = make({ syncPeriod: 1000 });
    await show(proxier, balancer(port, [endpoint('10.244.1.1', 'node-a')]));
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      proxier.removeService({ namespace: 'shop', name: 'web' });
      vi.setSystemTime(Date.now() + 3000);
      expect(await ask(port)).toMatchObject({ status: 503, body: { serviceProxyHealthy: false } });
    } finally {
      vi.useRealTimers();
    }
  });

  it('moves with its port, and ends with its Service', async () => {
    const [first, second] = [await freePort(), await freePort()];
    const proxier = make();
    await show(proxier, balancer(first, [endpoint('10.244.1.1', 'node-a')]));
    await show(proxier, balancer(second, [endpoint('10.244.1.1', 'node-a')]));
    expect(await ask(first)).toBeUndefined();
    expect(await ask(second)).toMatchObject({ status: 200 });
    await show(proxier, []);
    expect(await ask(second)).toBeUndefined();
  });

  it('that cannot have its port is a warning, and tried again', async () => {
    const squatter = createServer();
    squatter.listen(0);
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const warning = vi.fn();
    const proxier = make({ hooks: { warning } });
    await show(proxier, balancer(port, [endpoint('10.244.1.1', 'node-a')]));
    await proxier.sync({ full: true });
    expect(warning.mock.calls.map(([text]) => text as string)).toEqual([
      `health check port ${port} of Service shop/web cannot be opened`,
    ]);
    squatter.close();
    await once(squatter, 'close');
    await proxier.sync();
    expect(await ask(port)).toMatchObject({ status: 200 });
  });
});
