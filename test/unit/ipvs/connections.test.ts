import { describe, expect, it } from 'vitest';
import type { Connection, ConnectionFilter } from '../../../src/ipvs/types.js';
import { fakeKernel } from '../../../src/testing.js';

const TABLE = [
  'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData',
  'TCP 0A010001 C350 0A000001 0050 0A010002 1F90 ESTABLISHED     899',
  'UDP 0A010001 8235 0A000001 13C4 0A010002 13C4 UDP             300 sip 123456789@10.0.0.1',
  'TCP 0A010000 0000 0A000001 0050 0A010002 1F90 NONE            359',
  'IP  0A010000 0000 00000005 0000 0A010002 0000 ASSURED         359',
  'TCP 2001:0db8:0000:0000:0000:0000:0000:0001 C350 2001:0db8:0000:0000:0000:0000:0000:0080 0050 2001:0db8:0000:0000:0000:0000:0000:00a0 0050 TIME_WAIT         345',
];

function ipvs() {
  const kernel = fakeKernel();
  kernel.fake.ipvs.connectionTable = TABLE.map((line) => `${line}\n`).join('');
  return kernel.ipvs;
}

async function expiring(filter: ConnectionFilter): Promise<number[]> {
  const found: Connection[] = [];
  for await (const connection of ipvs().connections({ filter })) found.push(connection);
  return found.map(({ expires }) => expires);
}

describe('connections', () => {
  it('of persistence are told from others', async () => {
    const templates: boolean[] = [];
    for await (const { template } of ipvs().connections()) templates.push(template);
    expect(templates).toEqual([false, false, true, true, false]);
  });

  it.each<[ConnectionFilter, number[]]>([
    [{}, [899, 300, 359, 359, 345]],
    [{ protocol: 'TCP' }, [899, 359, 345]],
    [{ protocol: ['udp', 'ip'] }, [300, 359]],
    [{ state: 'established' }, [899]],
    [{ state: ['TIME_WAIT', 'UDP'] }, [300, 345]],
    [{ template: true }, [359, 359]],
    [{ template: false, protocol: 'tcp' }, [899, 345]],
    [{ client: { address: '10.1.0.1' } }, [899, 300]],
    [{ client: { address: '10.1.0.0/16', port: { from: 40_000, to: 65_535 } } }, [899]],
    [{ virtual: { port: 80 } }, [899, 359, 345]],
    [{ server: { address: ['2001:db8::/32'] } }, [345]],
    [{ server: { port: [8080, 5060] } }, [899, 300, 359]],
    [{ where: ({ engine }) => engine !== undefined }, [300]],
    [{ where: () => 1 as never }, []],
  ])('that fit %j are given', async (filter, expected) => {
    expect(await expiring(filter)).toEqual(expected);
  });

  it.each<[unknown, string]>([
    [7, 'options.filter'],
    [{ proto: 'tcp' }, 'options.filter.proto'],
    [{ protocol: 6 }, 'options.filter.protocol'],
    [{ state: '' }, 'options.filter.state'],
    [{ template: 'yes' }, 'options.filter.template'],
    [{ client: '10.0.0.1' }, 'options.filter.client'],
    [{ client: { adress: '10.0.0.1' } }, 'options.filter.client.adress'],
    [{ virtual: { address: 'web' } }, 'options.filter.virtual.address'],
    [{ server: { port: 65_536 } }, 'options.filter.server.port'],
    [{ where: true }, 'options.filter.where'],
  ])('cannot be asked for by %j: %s', (filter, path) => {
    expect(() => ipvs().connections({ filter: filter as never })).toThrow(
      expect.objectContaining({ name: 'ValidationError', path }) as Error,
    );
  });
});
