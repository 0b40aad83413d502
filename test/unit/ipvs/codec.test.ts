import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type KernelRequest,
  packRequests,
  readBigint,
  readNumber,
  tableOf,
  unpackInfo,
  unpackStats,
  viewOf,
} from '../../../src/ipvs/codec.js';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { parseVirtualServer } from '../../../src/ipvs/identity.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import { IpvsConfig, IpvsDest, IpvsOp, IpvsParts, IpvsStats } from '../../../src/native/records.js';
import { address4, address6, attributesFor, isInet6, realAttributes, url } from './arbitraries.js';

const opened = () => {
  const channel = fakeIpvsChannel();
  return { channel, ipvs: createIpvs(() => Promise.resolve(channel)) };
};

describe('records', () => {
  it('give back the virtual server that went in', async () => {
    await fc.assert(
      fc.asyncProperty(
        url.chain((text) => fc.tuple(fc.constant(text), attributesFor(text))),
        async ([text, attributes]) => {
          const { ipvs } = opened();
          const added = await ipvs.add(text, attributes);
          const [listed] = await ipvs.list();
          expect(added).toMatchObject({ url: text, ...attributes });
          expect(listed).toEqual(added);
        },
      ),
    );
  });

  it('give back the real server that went in', async () => {
    await fc.assert(
      fc.asyncProperty(
        url,
        fc.oneof(address4, address6),
        fc.integer({ min: 0, max: 65535 }),
        realAttributes,
        async (text, address, port, attributes) => {
          fc.pre(isInet6(text) === address.includes(':') || attributes.forwarding === 'tunnel');
          const { ipvs } = opened();
          const web = await ipvs.add(text);
          const added = await web.add({ address, port, ...attributes });
          const { realServers } = await web.refresh();
          expect(added).toMatchObject({ address, port, ...attributes, virtualServer: text });
          expect(realServers).toEqual([added]);
        },
      ),
    );
  });

  it('carry the parts that the command needs, and nothing else', () => {
    const service = parseVirtualServer('tcp://10.0.0.1:80');
    const destination = { family: 'inet', address: '10.1.0.1', port: 80 } as const;
    const settings = { scheduler: 'rr', flags: 0, timeout: 0, netmask: 0xffffffff, engine: '' };
    const weight = {
      forwarding: 'masq',
      weight: 1,
      upperThreshold: 0,
      lowerThreshold: 0,
      tunnelType: 0,
      tunnelPort: 0,
      tunnelFlags: 0,
    } as const;
    const { serviceIdentity, serviceAttributes, serviceEngine, destIdentity, destAttributes } = IpvsParts;
    const cases: readonly (readonly [KernelRequest, command: number, parts: number])[] = [
      [{ command: 'newService', service, settings }, 1, serviceIdentity | serviceAttributes],
      [
        { command: 'setService', service, settings: { ...settings, engine: 'sip' } },
        2,
        serviceIdentity | serviceAttributes | serviceEngine,
      ],
      [{ command: 'delService', service }, 3, serviceIdentity],
      [{ command: 'getService', service }, 4, serviceIdentity],
      [{ command: 'listServices', withDestinations: false }, 4, 0],
      [{ command: 'listServices', withDestinations: true }, 4, IpvsParts.withDestinations],
      [
        { command: 'newDest', service, destination, settings: weight },
        5,
        serviceIdentity | destIdentity | destAttributes,
      ],
      [
        { command: 'setDest', service, destination, settings: weight },
        6,
        serviceIdentity | destIdentity | destAttributes,
      ],
      [{ command: 'delDest', service, destination }, 7, serviceIdentity | destIdentity],
      [{ command: 'getDest', service }, 8, serviceIdentity],
      [{ command: 'setConfig', timeouts: { tcp: 1, tcpFin: 2, udp: 3 } }, 12, IpvsParts.config],
      [{ command: 'getConfig' }, 13, 0],
      [{ command: 'getInfo' }, 15, 0],
      [{ command: 'zero' }, 16, 0],
      [{ command: 'zero', service }, 16, serviceIdentity],
      [{ command: 'flush' }, 17, 0],
    ];
    const bytes = packRequests(cases.map(([request]) => request));
    const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
    for (const [i, [, command, parts]] of cases.entries()) {
      expect(viewOf(bytes).getUint32(i * IpvsOp.size + IpvsOp.command, little)).toBe(command);
      expect(bytes[i * IpvsOp.size + IpvsOp.parts]).toBe(parts);
    }
  });

  it('write an IPv4 mask in network order and an IPv6 prefix in that of the machine', () => {
    const netmask = (name: string, value: number): Uint8Array => {
      const service = parseVirtualServer(name);
      const settings = { scheduler: 'rr', flags: 1, timeout: 1, netmask: value, engine: '' };
      const bytes = packRequests([{ command: 'newService', service, settings }]);
      return bytes.slice(IpvsOp.netmask, IpvsOp.netmask + 4);
    };
    expect([...netmask('tcp://10.0.0.1:80', 0xffffff00)]).toEqual([255, 255, 255, 0]);
    expect(new Uint32Array(netmask('tcp://[2001:db8::1]:80', 64).buffer)[0]).toBe(64);
  });
});

describe('counters', () => {
  const stats = (value: bigint) => {
    const bytes = new Uint8Array(IpvsStats.size + 3);
    // Off by three: tables from C++ need not be aligned.
    const view = new DataView(bytes.buffer, 3);
    new BigUint64Array(new Uint8Array(IpvsStats.size).fill(0).buffer);
    for (let at = 0; at < IpvsStats.size; at += 8) {
      for (let i = 0; i < 8; i++) {
        const shift = BigInt(8 * i);
        const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
        view.setUint8(at + (little ? i : 7 - i), Number((value >> shift) & 0xffn));
      }
    }
    return view;
  };

  it('are read exactly as bigint, and as the nearest number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(unpackStats(stats(value), 0, readBigint).bytesIn).toBe(value);
        expect(unpackStats(stats(value), 0, readNumber).rate.bytesOut).toBe(Number(value));
      }),
    );
  });

  it('name each field', async () => {
    const { channel, ipvs } = opened();
    const web = await ipvs.add('tcp://10.0.0.1:80');
    await web.add('10.1.0.1:80');
    channel.setCounters('tcp://10.0.0.1:80', undefined, {
      connections: 1,
      packetsIn: 2,
      packetsOut: 3,
      bytesIn: 4,
      bytesOut: 2n ** 60n + 1n,
      connectionsPerSecond: 6,
      packetsInPerSecond: 7,
      packetsOutPerSecond: 8,
      bytesInPerSecond: 9,
      bytesOutPerSecond: 10,
    });
    channel.setCounters('tcp://10.0.0.1:80', '10.1.0.1:80', { connections: 11 });
    channel.setConnections('tcp://10.0.0.1:80', '10.1.0.1:80', {
      activeConnections: 1,
      inactiveConnections: 2,
      persistentConnections: 3,
    });
    const [server] = await ipvs.list({ bigint: true });
    expect(server?.stats).toEqual({
      connections: 1n,
      packetsIn: 2n,
      packetsOut: 3n,
      bytesIn: 4n,
      bytesOut: 2n ** 60n + 1n,
      rate: { connections: 6n, packetsIn: 7n, packetsOut: 8n, bytesIn: 9n, bytesOut: 10n },
    });
    expect(server?.realServers).toMatchObject([
      {
        activeConnections: 1,
        inactiveConnections: 2,
        persistentConnections: 3,
        stats: { connections: 11n, bytesIn: 0n },
      },
    ]);
    expect((await ipvs.get('tcp://10.0.0.1:80'))?.stats.bytesOut).toBe(2 ** 60);
    // Handles keep the kind of counter that they were read with.
    expect((await server?.refresh())?.stats.connections).toBe(1n);
    expect((await server?.realServers[0]?.set({ weight: 9 }))?.stats.connections).toBe(11n);
  });
});

describe('tables', () => {
  it('of a reply that has none are empty', () => {
    expect(tableOf(undefined, IpvsDest.size).length).toBe(0);
  });

  it('carry the version of the module as three bytes', () => {
    const bytes = new Uint8Array(IpvsConfig.size);
    new Uint32Array(bytes.buffer)[IpvsConfig.version / 4] = 0x010201;
    new Uint32Array(bytes.buffer)[IpvsConfig.connectionTableSize / 4] = 4096;
    expect(unpackInfo(tableOf(bytes, IpvsConfig.size), 0)).toEqual({
      version: '1.2.1',
      connectionTableSize: 4096,
    });
  });
});
