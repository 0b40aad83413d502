import { expect, it } from 'vitest';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import type { IpvsOperation } from '../../../src/ipvs/types.js';

const nameOf = ({ virtualServer }: IpvsOperation): string =>
  typeof virtualServer === 'string' ? virtualServer : '';

it('a batch of 100,000 operations reports exactly what took effect', { timeout: 120_000 }, async () => {
  const channel = fakeIpvsChannel();
  const ipvs = createIpvs(() => Promise.resolve(channel));
  const servers = 1000;
  const reals = 99;
  const operations = Array.from({ length: servers }, (_, i): IpvsOperation[] => {
    const virtualServer = `fwmark://${String(i + 1)}`;
    return [
      // Every hundredth has a scheduler that the kernel lacks, and its real servers nothing to stand on.
      { op: 'add', virtualServer, attributes: { scheduler: i % 100 === 50 ? 'nosuchsched' : 'rr' } },
      ...Array.from({ length: reals }, (_, j): IpvsOperation => ({
        op: 'addReal',
        virtualServer,
        // Every tenth virtual server has one of them twice.
        realServer: { address: `10.1.0.${String(i % 10 === 3 && j === 98 ? 97 : j)}`, port: 80 },
      })),
    ];
  }).flat();
  expect(operations).toHaveLength(100_000);
  const result = await ipvs.batch(operations);
  const broken = servers / 100;
  const doubled = servers / 10;
  expect(result).toMatchObject({
    ok: false,
    done: 100_000 - broken * 100 - doubled,
    failed: broken * 100 + doubled,
  });
  // What is said to be done is there, and nothing else.
  const expected = new Set<string>();
  for (const [i, item] of result.items.entries()) {
    const { operation } = item;
    expect(operation).toBe(operations[i]);
    const name =
      operation.op === 'addReal' && typeof operation.realServer === 'object'
        ? `${nameOf(operation)} -> ${operation.realServer.address}:80`
        : nameOf(operation);
    if (item.status === 'done') expected.add(name);
    else expect(item.error).toMatchObject({ position: i, target: name });
  }
  const there = new Set<string>();
  for (const server of await ipvs.list()) {
    there.add(server.url);
    for (const real of server.realServers) there.add(`${server.url} -> ${real.address}:80`);
  }
  expect(there).toEqual(expected);
});
