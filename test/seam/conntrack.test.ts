import { describe, expect, it } from 'vitest';
import { packDeletes, unpackFlows } from '../../src/conntrack/codec.js';
import type { Flow } from '../../src/conntrack/types.js';
import { loadAddon } from '../../src/native/load.js';
import { NOTHING } from './support/records.js';
import { parse } from './support/tree.js';

const addon = loadAddon();

const flow: Flow = {
  family: 'inet',
  protocol: 'udp',
  original: { source: '10.0.0.1', sourcePort: 4000, destination: '10.96.0.53', destinationPort: 53 },
  reply: { source: '10.244.1.2', sourcePort: 5353, destination: '10.0.0.1', destinationPort: 4000 },
  zone: 7,
  mark: 0x4000,
  timeoutSeconds: 30,
  status: 0x18e,
  id: 0x12345678,
};

/** An attribute; integers in network order. */
function attribute(type: number, ...payload: readonly (Buffer | number[])[]): Buffer {
  const body = Buffer.concat(payload.map((part) => (Array.isArray(part) ? Buffer.from(part) : part)));
  const out = Buffer.alloc((4 + body.length + 3) & ~3);
  out.writeUInt16LE(4 + body.length, 0);
  out.writeUInt16LE(type, 2);
  body.copy(out, 4);
  return out;
}

const NESTED = 0x8000;
const tuple = (type: number, source: number[], destination: number[], ports: number[]): Buffer =>
  attribute(
    type | NESTED,
    attribute(1 | NESTED, attribute(1, source), attribute(2, destination)),
    attribute(2 | NESTED, attribute(1, [17]), attribute(2, ports.slice(0, 2)), attribute(3, ports.slice(2))),
  );

/** The flow as the kernel lists it. */
function listed(...attributes: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from([2, 0, 0, 0]), ...attributes]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(0x100, 4);
  return Buffer.concat([header, body]);
}
const ORIGINAL = tuple(1, [10, 0, 0, 1], [10, 96, 0, 53], [0x0f, 0xa0, 0, 53]);
const REPLY = tuple(2, [10, 244, 1, 2], [10, 0, 0, 1], [0x14, 0xe9, 0x0f, 0xa0]);

describe('tracked connections', () => {
  it('are deleted by original tuple, zone and id', () => {
    const { bytes, messages } = addon.encode('ConntrackOp', packDeletes([flow]), NOTHING, {
      stopOnError: false,
    });
    expect(messages).toBe(1);
    expect(parse(bytes, 'ipset')).toEqual([
      {
        type: 0x102, // IPCTNL_MSG_CT_DELETE of NFNL_SUBSYS_CTNETLINK
        flags: 0x5, // REQUEST, and ACK on the last
        sequence: 1,
        header: '02000000',
        attributes: [
          [
            '1+nested',
            [
              [
                '1+nested',
                [
                  ['1', '0a000001'],
                  ['2', '0a600035'],
                ],
              ],
              [
                '2+nested',
                [
                  ['1', '11'],
                  ['2', '0fa0'],
                  ['3', '0035'],
                ],
              ],
            ],
          ],
          ['12', '78563412'],
          ['18', '0007'],
        ],
      },
    ]);
  });

  it('are read with both tuples and what else is known', () => {
    const message = listed(
      ORIGINAL,
      REPLY,
      attribute(3, [0, 0, 1, 0x8e]),
      attribute(7, [0, 0, 0, 30]),
      attribute(8, [0, 0, 0x40, 0]),
      attribute(12, [0x78, 0x56, 0x34, 0x12]),
      attribute(18, [0, 7]),
    );
    expect(unpackFlows(addon.decode('conntrack', message).ConntrackFlow)).toEqual([flow]);
  });

  it('without both tuples are no flows', () => {
    for (const part of [[], [ORIGINAL], [REPLY]])
      expect(addon.decode('conntrack', listed(...part)).ConntrackFlow).toHaveLength(0);
  });

  it('cut anywhere are never read beyond their end', () => {
    const whole = listed(ORIGINAL, REPLY);
    for (let length = 0; length < whole.length; length++) {
      const cut = Buffer.from(whole.subarray(0, length));
      expect(addon.decode('conntrack', cut).ConntrackFlow).toHaveLength(0);
      // The same with a header that fits: the attributes are what is cut.
      if (length < 16) continue;
      cut.writeUInt32LE(length, 0);
      expect(unpackFlows(addon.decode('conntrack', cut).ConntrackFlow).length).toBeLessThanOrEqual(1);
    }
  });
});
