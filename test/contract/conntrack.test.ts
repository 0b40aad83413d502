import { expect, it } from 'vitest';
import type { Flow, FlowTuple } from '../../src/conntrack/types.js';
import type { Kernel } from '../../src/kernel/types.js';
import type { Protocol } from '../../src/net/protocol.js';
import type { FakeKernel } from '../../src/testing.js';
import { describeOn } from '../support/backends.js';
import { run } from '../support/netns.js';

interface Sample {
  readonly protocol: Protocol;
  readonly original: FlowTuple;
  readonly reply: FlowTuple;
}

/** A flow from a client to a virtual address that a pod answers; not translated when no pod is given. */
function sample(protocol: Protocol, client: string, vip: string, pod?: string): Sample {
  const parts = (text: string): readonly [string, number] => {
    const at = text.lastIndexOf(' ');
    return [text.slice(0, at), Number(text.slice(at + 1))];
  };
  const [source, sourcePort] = parts(client);
  const [destination, destinationPort] = parts(vip);
  const [answers, answersPort] = pod === undefined ? [destination, destinationPort] : parts(pod);
  return {
    protocol,
    original: { source, sourcePort, destination, destinationPort },
    reply: { source: answers, sourcePort: answersPort, destination: source, destinationPort: sourcePort },
  };
}

const isFake = (kernel: Kernel): kernel is FakeKernel => 'fake' in kernel;

/** Let there be a flow: on a kernel the conntrack program says so. */
async function insert(kernel: Kernel, { protocol, original, reply }: Sample): Promise<void> {
  const six = original.source.includes(':');
  if (isFake(kernel)) {
    kernel.fake.conntrack.addFlow({ family: six ? 'inet6' : 'inet', protocol, original, reply });
    return;
  }
  const state = protocol === 'tcp' ? ['--state', 'ESTABLISHED'] : [];
  await run(kernel.netns, [
    ...['conntrack', '-I', '-p', protocol, '--timeout', '600', ...state],
    ...['-s', original.source, '-d', original.destination],
    ...['--sport', String(original.sourcePort), '--dport', String(original.destinationPort)],
    ...['--reply-src', reply.source, '--reply-dst', reply.destination],
    ...['--reply-port-src', String(reply.sourcePort), '--reply-port-dst', String(reply.destinationPort)],
  ]);
}

const text = ({ protocol, original, reply }: Flow): string =>
  `${protocol} ${original.source} ${original.sourcePort} > ${original.destination} ${original.destinationPort} < ${reply.source} ${reply.sourcePort}`;
const texts = (flows: readonly Flow[]): string[] => flows.map(text).sort();

const DNS_A = sample('udp', '10.0.0.1 4000', '10.96.0.53 53', '10.244.1.2 5353');
const DNS_B = sample('udp', '10.0.0.1 4001', '10.96.0.53 53', '10.244.1.3 5353');
const PLAIN = sample('udp', '10.0.0.1 4002', '10.96.0.54 53');
const WEB = sample('tcp', '10.0.0.1 4000', '10.96.0.53 53', '10.244.1.2 5353');
const SIX = sample('udp', '2001:db8::1 4000', 'fd00:10:96::53 53', 'fd00:10:244::2 5353');
const A = 'udp 10.0.0.1 4000 > 10.96.0.53 53 < 10.244.1.2 5353';
const B = 'udp 10.0.0.1 4001 > 10.96.0.53 53 < 10.244.1.3 5353';

describeOn(['conntrack'], 'conntrack', (open) => {
  const filled = async (): Promise<Kernel> => {
    const kernel = await open();
    for (const each of [DNS_A, DNS_B, PLAIN, WEB, SIX]) await insert(kernel, each);
    return kernel;
  };

  it('lists flows with both directions', async () => {
    const kernel = await filled();
    const flows = await kernel.conntrack.list({ family: 'inet', protocol: 'udp', destinationPort: 53 });
    expect(texts(flows)).toEqual([A, B, 'udp 10.0.0.1 4002 > 10.96.0.54 53 < 10.96.0.54 53']);
    for (const flow of flows) {
      expect(flow).toMatchObject({ family: 'inet', zone: 0, mark: 0 });
      expect(flow.id).not.toBe(0);
      expect(flow.timeoutSeconds).toBeGreaterThan(0);
    }
  });

  it('lists only what a filter names', async () => {
    const { conntrack } = await filled();
    expect(texts(await conntrack.list({ protocol: 'udp', destination: '10.96.0.53' }))).toEqual([A, B]);
    expect(texts(await conntrack.list({ replySource: '10.244.1.3' }))).toEqual([B]);
    expect(texts(await conntrack.list({ source: '10.0.0.1', sourcePort: 4001 }))).toEqual([B]);
    expect(texts(await conntrack.list({ protocol: 'udp', family: 'inet6' }))).toEqual([
      'udp 2001:db8::1 4000 > fd00:10:96::53 53 < fd00:10:244::2 5353',
    ]);
    expect(texts(await conntrack.list({ family: 'inet', replySourcePort: 5353 }))).toHaveLength(3);
    expect(await conntrack.list({ destination: '10.96.0.99' })).toEqual([]);
    expect((await conntrack.list()).length).toBeGreaterThanOrEqual(5);
  });

  it('forgets the flows that it is given and no others; those that are gone are fine', async () => {
    const { conntrack } = await filled();
    const doomed = await conntrack.list({ protocol: 'udp', replySource: '10.244.1.2' });
    expect(await conntrack.delete(doomed)).toEqual({ deleted: 1, gone: 0 });
    expect(await conntrack.delete(doomed)).toEqual({ deleted: 0, gone: 1 });
    // The TCP flow has the same addresses and ports.
    expect(texts(await conntrack.list({ destination: '10.96.0.53' }))).toEqual([A.replace('udp', 'tcp'), B]);
    const six = await conntrack.list({ family: 'inet6', protocol: 'udp' });
    expect(await conntrack.delete(six)).toEqual({ deleted: 1, gone: 0 });
    expect(await conntrack.delete([])).toEqual({ deleted: 0, gone: 0 });
  });

  it('does not forget a later flow with the same tuple', async () => {
    const kernel = await filled();
    const old = await kernel.conntrack.list({ replySource: '10.244.1.3' });
    await kernel.conntrack.delete(old);
    await insert(kernel, DNS_B);
    // A kernel may give the id of a freed flow again; then nobody can tell them apart.
    const [now] = await kernel.conntrack.list({ replySource: '10.244.1.3' });
    const expected = now?.id === old[0]?.id ? { deleted: 1, gone: 0 } : { deleted: 0, gone: 1 };
    expect(await kernel.conntrack.delete(old)).toEqual(expected);
  });

  it('refuses to name a flow that has no ports, and addresses that are none', async () => {
    const kernel = await open();
    const [flow] = await (await filled()).conntrack.list({ protocol: 'tcp', destinationPort: 53 });
    await expect(kernel.conntrack.delete([{ ...flow!, protocol: 1 }])).rejects.toThrow(
      'flows[0].protocol: expected a protocol with ports, received 1',
    );
    await expect(kernel.conntrack.list({ destination: '10.96.0.256' })).rejects.toThrow('filter.destination');
    await expect(kernel.conntrack.list({ source: '10.0.0.1', destination: '::1' })).rejects.toThrow(
      'filter.destination',
    );
  });
});
