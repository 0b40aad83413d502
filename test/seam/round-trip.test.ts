import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.js';
import {
  EntryParts as E,
  IpvsConfig,
  IpvsDaemon,
  IpvsDest,
  IpvsOp,
  IpvsParts as P,
  IpvsService,
  Link,
  LinkAddress,
  LinkOp,
  SetCommand,
  SetEntry,
  SetHeader,
  SetOptions as O,
} from '../../src/native/records.js';
import {
  Ipset,
  Ipvs,
  ipvsOp,
  join,
  linkOp,
  NOTHING,
  Rtm,
  rows,
  setCommand,
  setEntry,
} from './support/records.js';

const addon = loadAddon();

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const octets = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const name = (longest: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom('a', 'b', 'Z', '0', '9', '-', '_', ':', '.'),
    minLength: 1,
    maxLength: longest,
  });
const family = fc.constantFrom(2, 10);

/** What a request says, as if the kernel said it: ADD becomes a message of a listing. */
function asListing(request: Uint8Array): Uint8Array {
  const copy = Buffer.from(request);
  for (let at = 0; at < copy.length; at += (copy.readUInt32LE(at) + 3) & ~3)
    copy.writeUInt16LE(0x607, at + 4);
  return copy;
}

/** Only the first bytes of an address field matter for IPv4. */
const addressOf = (value: Uint8Array, af: number): Uint8Array => (af === 10 ? value : value.subarray(0, 4));
const padded = (value: Uint8Array): Uint8Array => join(value, new Uint8Array(16 - value.length));

const plain = { stopOnError: false };

describe('set elements survive encoding and decoding', () => {
  const element = fc
    .record({
      family,
      ip: octets(16),
      ip2: octets(16),
      ipTo: octets(4),
      ip2To: octets(4),
      cidr: u8,
      cidr2: u8,
      port: u16,
      portTo: u16,
      proto: u8,
      timeout: u32,
      mark: u32,
      mac: octets(6),
      cadtFlags: u32,
      packets: u64,
      bytes: u64,
      skbMark: u32,
      skbMask: u32,
      skbPrio: u32,
      skbQueue: u16,
      comment: name(40),
      // Name and interface share a field: never both.
      parts: fc
        .integer({ min: 0, max: 0x3fffff })
        .map((bits) => (bits & E.entryName ? bits & ~E.entryIface : bits)),
      text: name(31),
      ref: name(31),
    })
    .map((e) => ({ ...e, ip: padded(addressOf(e.ip, e.family)), ip2: padded(addressOf(e.ip2, e.family)) }));

  /** Fields by the bit that makes them meaningful. */
  const numbers = [
    ['cidr', E.entryCidr, 1],
    ['cidr2', E.entryCidr2, 1],
    ['proto', E.entryProto, 1],
    ['port', E.entryPort, 2],
    ['portTo', E.entryPortTo, 2],
    ['skbQueue', E.entrySkbQueue, 2],
    ['timeout', E.entryTimeout, 4],
    ['mark', E.entryMark, 4],
    ['cadtFlags', E.entryCadtFlags, 4],
    ['skbPrio', E.entrySkbPrio, 4],
    ['skbMark', E.entrySkbMark, 4],
    ['skbMask', E.entrySkbMark, 4],
    ['packets', E.entryPackets, 8],
    ['bytes', E.entryBytes, 8],
  ] as const;
  const arrays = [
    ['ip', E.entryIp, 16],
    ['ip2', E.entryIp2, 16],
    ['ipTo', E.entryIpTo, 4],
    ['ip2To', E.entryIp2To, 4],
    ['mac', E.entryMac, 6],
  ] as const;

  it('in any number, with any attributes', () => {
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 60 }), (elements) => {
        let heap = '';
        const packed = elements.map(({ comment, text, ref, ...fields }) => {
          const at = (value: string): number => {
            heap += value;
            return heap.length - value.length;
          };
          return setEntry({
            ...fields,
            nameOffset: at(text),
            nameLength: text.length,
            refOffset: at(ref),
            refLength: ref.length,
            commentOffset: at(comment),
            commentLength: comment.length,
          });
        });
        const head = setCommand({ command: Ipset.ADD, name: 'web' });
        const { bytes } = addon.encode('SetEntry', join(...packed), Buffer.from(heap), { ...plain, head });
        const reply = addon.decode('ipset', asListing(bytes));
        const entries = rows(reply.SetEntry, SetEntry);
        // A message with a single element has no list around it: those are seen by the golden tests.
        fc.pre(entries.length === elements.length);
        entries.forEach((row, i) => {
          const sent = elements[i]!;
          expect(row.getUint32(SetEntry.parts, true)).toBe(sent.parts);
          for (const [field, bit, width] of numbers) {
            if ((sent.parts & bit) === 0) continue;
            const at = SetEntry[field];
            const got =
              width === 8
                ? row.getBigUint64(at, true)
                : width === 4
                  ? row.getUint32(at, true)
                  : width === 2
                    ? row.getUint16(at, true)
                    : row.getUint8(at);
            expect([field, got]).toEqual([field, sent[field]]);
          }
          for (const [field, bit, length] of arrays) {
            if ((sent.parts & bit) === 0) continue;
            const got = new Uint8Array(row.buffer, row.byteOffset + SetEntry[field], length);
            expect([field, Buffer.from(got).toString('hex')]).toEqual([
              field,
              Buffer.from(sent[field]).toString('hex'),
            ]);
          }
          const string = (offset: number, length: number): string => {
            const start = row.getUint32(offset, true);
            return Buffer.from(reply.heap).toString('latin1', start, start + row.getUint16(length, true));
          };
          if (sent.parts & (E.entryName | E.entryIface)) {
            expect(string(SetEntry.nameOffset, SetEntry.nameLength)).toBe(sent.text);
          }
          if (sent.parts & E.entryNameRef)
            expect(string(SetEntry.refOffset, SetEntry.refLength)).toBe(sent.ref);
          if (sent.parts & E.entryComment) {
            expect(string(SetEntry.commentOffset, SetEntry.commentLength)).toBe(sent.comment);
          }
        });
      }),
      { numRuns: 100 },
    );
  });
});

describe('set options survive encoding and decoding', () => {
  const createOptions = 0x7fff;
  const shared = ['hashSize', 'maxElem', 'timeout', 'cadtFlags', 'initVal', 'markMask', 'listSize'] as const;

  it('with any options given', () => {
    fc.assert(
      fc.property(
        fc.record({
          family,
          name: name(31),
          name2: name(31),
          revision: u8,
          options: fc.integer({ min: 1, max: createOptions }),
          hashSize: u32,
          maxElem: u32,
          timeout: u32,
          cadtFlags: u32,
          initVal: u32,
          markMask: u32,
          listSize: u32,
          port: u16,
          portTo: u16,
          netmask: u8,
          bucketSize: u8,
          ip: octets(16),
          ipTo: octets(16),
          bitmask: octets(16),
        }),
        (fields) => {
          const options = fields.options | O.setFamily | O.setRevision;
          const request = setCommand({ ...fields, command: Ipset.CREATE, options });
          const { bytes } = addon.encode('SetCommand', request, NOTHING, plain);
          const [row] = rows(addon.decode('ipset', asListing(bytes)).SetHeader, SetHeader);
          // A listing has no CIDR: the kernel reports ranges. It always has the protocol version.
          expect(row!.getUint32(SetHeader.options, true)).toBe((options & ~O.setCidr) | O.setProtocol);
          const sent = new DataView(request.buffer);
          const bit = (field: string): number =>
            O[`set${field.charAt(0).toUpperCase()}${field.slice(1)}` as keyof typeof O];
          for (const field of shared) {
            const flag = field === 'listSize' ? O.setSize : bit(field);
            if (options & flag) {
              expect(row!.getUint32(SetHeader[field], true)).toBe(sent.getUint32(SetCommand[field], true));
            }
          }
          for (const field of ['port', 'portTo'] as const) {
            if (options & bit(field)) expect(row!.getUint16(SetHeader[field], true)).toBe(fields[field]);
          }
          for (const field of ['netmask', 'bucketSize'] as const) {
            if (options & bit(field)) expect(row!.getUint8(SetHeader[field])).toBe(fields[field]);
          }
          for (const field of ['ip', 'ipTo', 'bitmask'] as const) {
            if ((options & bit(field)) === 0) continue;
            const got = new Uint8Array(row!.buffer, row!.byteOffset + SetHeader[field], 16);
            expect(Array.from(got)).toEqual(Array.from(padded(addressOf(fields[field], fields.family))));
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** The fields of that names that two records share, compared by 16-bit units. */
function expectShared(
  got: DataView,
  layout: Readonly<Record<string, number>>,
  sent: Uint8Array,
  from: Readonly<Record<string, number>>,
  fields: Readonly<Record<string, readonly [string, number]>>,
): void {
  for (const [field, [source, length]] of Object.entries(fields)) {
    const a = Buffer.from(got.buffer, got.byteOffset + layout[field]!, length).toString('hex');
    const b = Buffer.from(sent.buffer, sent.byteOffset + from[source]!, length).toString('hex');
    expect([field, a]).toEqual([field, b]);
  }
}

describe('IPVS objects survive encoding and decoding', () => {
  it('services', () => {
    fc.assert(
      fc.property(
        fc.record({
          family,
          byFwmark: fc.constantFrom(0, 1),
          fwmark: u32,
          protocol: u16,
          port: u16,
          address: octets(16),
          flags: u32,
          timeout: u32,
          netmask: octets(4),
          scheduler: name(15),
          engine: name(16),
        }),
        (f) => {
          const fields = { ...f, address: padded(addressOf(f.address, f.family)) };
          const parts = P.serviceIdentity | P.serviceAttributes | P.serviceEngine;
          const request = ipvsOp({ ...fields, command: Ipvs.NEW_SERVICE, parts });
          const [row] = rows(
            addon.decode('ipvs', addon.encode('IpvsOp', request, NOTHING, plain).bytes).IpvsService,
            IpvsService,
          );
          expectShared(row!, IpvsService, request, IpvsOp, {
            family: ['family', 2],
            flags: ['flags', 4],
            timeout: ['timeout', 4],
            netmask: ['netmask', 4],
            scheduler: ['scheduler', 16],
            engine: ['engine', 24],
            byFwmark: ['byFwmark', 1],
            ...(f.byFwmark
              ? { fwmark: ['fwmark', 4] as const }
              : {
                  protocol: ['protocol', 2] as const,
                  port: ['port', 2] as const,
                  address: ['address', 16] as const,
                }),
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('destinations', () => {
    fc.assert(
      fc.property(
        fc.record({
          destFamily: family,
          destPort: u16,
          destAddress: octets(16),
          forwarding: u32,
          weight: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
          upperThreshold: u32,
          lowerThreshold: u32,
          tunnelType: u8,
          tunnelPort: u16,
          tunnelFlags: u16,
        }),
        (f) => {
          const fields = { ...f, destAddress: padded(addressOf(f.destAddress, f.destFamily)) };
          const request = ipvsOp({
            ...fields,
            command: Ipvs.NEW_DEST,
            parts: P.destIdentity | P.destAttributes,
          });
          const [row] = rows(
            addon.decode('ipvs', addon.encode('IpvsOp', request, NOTHING, plain).bytes).IpvsDest,
            IpvsDest,
          );
          expectShared(row!, IpvsDest, request, IpvsOp, {
            family: ['destFamily', 2],
            port: ['destPort', 2],
            address: ['destAddress', 16],
            forwarding: ['forwarding', 4],
            weight: ['weight', 4],
            upperThreshold: ['upperThreshold', 4],
            lowerThreshold: ['lowerThreshold', 4],
            tunnelType: ['tunnelType', 1],
            tunnelPort: ['tunnelPort', 2],
            tunnelFlags: ['tunnelFlags', 2],
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('daemons and timeouts', () => {
    fc.assert(
      fc.property(
        fc.record({
          daemonState: u32,
          daemonSyncId: u32,
          daemonInterface: name(15),
          daemonMaxLen: u16,
          daemonPort: u16,
          daemonTtl: u8,
        }),
        fc.record({ tcpTimeout: u32, tcpFinTimeout: u32, udpTimeout: u32 }),
        (daemon, timeouts) => {
          const request = join(
            ipvsOp({ ...daemon, command: Ipvs.NEW_DAEMON, parts: P.daemon, daemonParts: 1 | 8 | 16 }),
            ipvsOp({ ...timeouts, command: Ipvs.SET_CONFIG, parts: P.config }),
          );
          const reply = addon.decode('ipvs', addon.encode('IpvsOp', request, NOTHING, plain).bytes);
          expectShared(rows(reply.IpvsDaemon, IpvsDaemon)[0]!, IpvsDaemon, request, IpvsOp, {
            state: ['daemonState', 4],
            syncId: ['daemonSyncId', 4],
            interface: ['daemonInterface', 16],
            maxLen: ['daemonMaxLen', 2],
            port: ['daemonPort', 2],
            ttl: ['daemonTtl', 1],
            parts: ['daemonParts', 1],
          });
          const config = rows(reply.IpvsConfig, IpvsConfig)[0]!;
          expect(config.getUint32(IpvsConfig.op, true)).toBe(1);
          expectShared(config, IpvsConfig, request.subarray(IpvsOp.size), IpvsOp, {
            tcpTimeout: ['tcpTimeout', 4],
            tcpFinTimeout: ['tcpFinTimeout', 4],
            udpTimeout: ['udpTimeout', 4],
          });
        },
      ),
    );
  });
});

describe('links and addresses survive encoding and decoding', () => {
  it('links', () => {
    fc.assert(
      fc.property(
        fc.record({ index: u32, name: name(15), kind: name(15), flags: u32, flagsMask: u32 }),
        (fields) => {
          const request = linkOp({ ...fields, command: Rtm.NEWLINK });
          const [row] = rows(
            addon.decode('route', addon.encode('LinkOp', request, NOTHING, plain).bytes).Link,
            Link,
          );
          expectShared(row!, Link, request, LinkOp, {
            index: ['index', 4],
            name: ['name', 16],
            kind: ['kind', 16],
            flags: ['flags', 4],
          });
        },
      ),
    );
  });

  it('addresses', () => {
    fc.assert(
      fc.property(
        fc.record({ index: u32, family, prefix: u8, scope: u8, addressFlags: u32, address: octets(16) }),
        (f) => {
          const request = linkOp({
            ...f,
            address: padded(addressOf(f.address, f.family)),
            command: Rtm.NEWADDR,
          });
          const [row] = rows(
            addon.decode('route', addon.encode('LinkOp', request, NOTHING, plain).bytes).LinkAddress,
            LinkAddress,
          );
          expectShared(row!, LinkAddress, request, LinkOp, {
            index: ['index', 4],
            family: ['family', 1],
            prefix: ['prefix', 1],
            scope: ['scope', 1],
            flags: ['addressFlags', 4],
            address: ['address', 16],
          });
        },
      ),
    );
  });
});

describe('decoding survives anything', () => {
  const seeds = [
    addon.encode('LinkOp', linkOp({ command: Rtm.NEWLINK, name: 'lo', kind: 'dummy' }), NOTHING, plain).bytes,
    addon.encode(
      'IpvsOp',
      ipvsOp({ command: Ipvs.NEW_DEST, parts: 0xff, family: 2, destFamily: 10 }),
      NOTHING,
      plain,
    ).bytes,
    asListing(
      addon.encode(
        'SetEntry',
        join(setEntry({ parts: 0x3fffff, family: 10 }), setEntry({ parts: 1, family: 2 })),
        NOTHING,
        {
          ...plain,
          head: setCommand({ command: Ipset.ADD, name: 'web' }),
        },
      ).bytes,
    ),
  ];
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), u8), { maxLength: 12 }), fc.nat())
    .map(([seed, changes, cut]) => {
      const copy = Uint8Array.from(seed);
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return cut % 3 === 0 ? copy.subarray(0, cut % copy.length) : copy;
    });

  it.each(['ipvs', 'ipset', 'route'] as const)('as %s', (subsystem) => {
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 600 })), (bytes) => {
        const reply = addon.decode(subsystem, bytes);
        for (const row of reply.SetEntry ? rows(reply.SetEntry, SetEntry) : []) {
          const end = row.getUint32(SetEntry.nameOffset, true) + row.getUint16(SetEntry.nameLength, true);
          expect(end).toBeLessThanOrEqual(reply.heap.length);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
