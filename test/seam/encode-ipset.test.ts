import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.js';
import { EntryParts as E, SetOptions as O } from '../../src/native/records.js';
import { bytes, golden } from './support/golden.js';
import { ip, Ipset, join, NOTHING, setCommand, setEntry, type Fields } from './support/records.js';
import { parse, without, type Message } from './support/tree.js';

const addon = loadAddon();
const captured = golden('ipset');

/** What the ipset tool sent last for that golden case. */
function sentByTool(name: string): Message {
  const last = captured(name).sent.at(-1);
  return parse(bytes(last ?? ''), 'ipset')[0]!;
}

function encodeCommand(fields: Fields): Message {
  const { bytes: message, messages } = addon.encode('SetCommand', setCommand(fields), NOTHING, {
    stopOnError: false,
  });
  expect(messages).toBe(1);
  return parse(message, 'ipset')[0]!;
}

function encodeEntries(head: Fields, entries: readonly Uint8Array[], heap = ''): Message[] {
  const options = { stopOnError: false, head: setCommand(head) };
  return parse(
    addon.encode('SetEntry', join(...entries), new Uint8Array(Buffer.from(heap)), options).bytes,
    'ipset',
  );
}

/** NLM_F_REQUEST, ACK and EXCL; the tool also sets CREATE and REPLACE, which ip_set does not look at. */
const MEANINGFUL_FLAGS = 0x1 | 0x4 | 0x200;

function expectSame(ours: Message, tool: Message): void {
  expect(ours.type).toBe(tool.type);
  expect(ours.header).toBe(tool.header);
  expect(ours.flags & MEANINGFUL_FLAGS).toBe(tool.flags & MEANINGFUL_FLAGS);
  expect(ours.attributes).toEqual(tool.attributes);
}

const FAMILY_AND_REVISION = O.setFamily | O.setRevision;

describe('ipset commands are encoded as the ipset tool does it', () => {
  const create = { command: Ipset.CREATE, name: 'web' };
  const cases: Readonly<Record<string, Fields>> = {
    'create hash:ip,port': {
      ...create,
      name2: 'hash:ip,port',
      family: 2,
      revision: 7,
      hashSize: 4096,
      maxElem: 100_000,
      timeout: 60,
      cadtFlags: 8 | 16 | 64,
      options: FAMILY_AND_REVISION | O.setHashSize | O.setMaxElem | O.setTimeout | O.setCadtFlags,
    },
    'create hash:ip inet6': {
      ...create,
      name: 'six',
      name2: 'hash:ip',
      family: 10,
      revision: 6,
      netmask: 64,
      bucketSize: 6,
      initVal: 0x1234abcd,
      options: FAMILY_AND_REVISION | O.setNetmask | O.setBucketSize | O.setInitVal,
    },
    'create bitmap:port': {
      ...create,
      name: 'ports',
      name2: 'bitmap:port',
      revision: 3,
      port: 30_000,
      portTo: 32_767,
      options: FAMILY_AND_REVISION | O.setPort | O.setPortTo,
    },
    'create bitmap:ip': {
      ...create,
      name: 'net',
      name2: 'bitmap:ip',
      family: 2,
      revision: 3,
      ip: ip('10.0.0.0'),
      cidr: 16,
      netmask: 24,
      options: FAMILY_AND_REVISION | O.setIp | O.setCidr | O.setNetmask,
    },
    'create list:set': {
      ...create,
      name: 'all',
      name2: 'list:set',
      revision: 3,
      listSize: 16,
      options: FAMILY_AND_REVISION | O.setSize,
    },
    destroy: { command: Ipset.DESTROY, name: 'web' },
    flush: { command: Ipset.FLUSH, name: 'web' },
    rename: { command: Ipset.RENAME, name: 'web', name2: 'shop' },
    swap: { command: Ipset.SWAP, name: 'web', name2: 'shop' },
  };

  it.each(Object.entries(cases))('%s', (name, fields) => {
    const tool = sentByTool(name);
    const ours = encodeCommand(fields);
    // Our last message of a send asks for an acknowledgement; the tool asks always or never, depending on the command.
    expectSame(
      { ...ours, flags: MEANINGFUL_FLAGS & ours.flags & ~0x204 },
      { ...tool, flags: tool.flags & 1 },
    );
  });

  it('a create without options says that it must be new, unless it may exist', () => {
    const fields = { ...create, name2: 'hash:net', family: 2, revision: 7, options: FAMILY_AND_REVISION };
    const exist = sentByTool('create exist');
    // The tool adds an empty DATA.
    expect(encodeCommand({ ...fields, exist: 1 }).attributes).toEqual(without(exist.attributes, '7+nested'));
    expect(encodeCommand({ ...fields, exist: 1 }).flags & 0x200).toBe(exist.flags & 0x200);
    expect(encodeCommand(fields).flags & 0x200).toBe(sentByTool('create list:set').flags & 0x200);
  });
});

describe('ipset elements are encoded as the ipset tool does it', () => {
  const v4 = { family: 2, ip: ip('10.0.0.1') };
  const tcp80 = { port: 80, proto: 6 };
  const cases: Readonly<
    Record<string, { readonly fields: Fields; readonly heap?: string; readonly command?: number }>
  > = {
    'add hash:ip,port': {
      heap: 'xxhello',
      fields: {
        ...v4,
        ...tcp80,
        timeout: 30,
        packets: 5,
        bytes: 1234567890123n,
        commentOffset: 2,
        commentLength: 5,
        skbMark: 1,
        skbMask: 0xff,
        skbPrio: 0x10002,
        skbQueue: 3,
        parts:
          E.entryIp |
          E.entryPort |
          E.entryProto |
          E.entryTimeout |
          E.entryPackets |
          E.entryBytes |
          E.entryComment |
          E.entrySkbMark |
          E.entrySkbPrio |
          E.entrySkbQueue,
      },
    },
    'add hash:ip,port inet6': {
      fields: {
        family: 10,
        ip: bytes('20010db8000000000000000000000001'),
        port: 53,
        proto: 17,
        parts: E.entryIp | E.entryPort | E.entryProto,
      },
    },
    'add hash:ip,port,ip': {
      fields: {
        ...v4,
        ...tcp80,
        ip2: ip('10.0.0.2'),
        parts: E.entryIp | E.entryPort | E.entryProto | E.entryIp2,
      },
    },
    'add hash:ip,port,net': {
      fields: {
        ...v4,
        ...tcp80,
        ip2: ip('192.168.0.0'),
        cidr2: 16,
        cadtFlags: 4,
        parts: E.entryIp | E.entryPort | E.entryProto | E.entryIp2 | E.entryCidr2 | E.entryCadtFlags,
      },
    },
    'add hash:net': { fields: { ...v4, ip: ip('10.1.0.0'), cidr: 16, parts: E.entryIp | E.entryCidr } },
    'add hash:net range': {
      fields: { ...v4, ip: ip('10.1.0.0'), ipTo: ip('10.1.2.255'), parts: E.entryIp | E.entryIpTo },
    },
    'add hash:net,iface': {
      heap: 'eth0',
      fields: {
        ...v4,
        ip: ip('10.1.0.0'),
        cidr: 16,
        nameLength: 4,
        cadtFlags: 2,
        parts: E.entryIp | E.entryCidr | E.entryIface | E.entryCadtFlags,
      },
    },
    'add bitmap:port range': { fields: { port: 10, portTo: 20, parts: E.entryPort | E.entryPortTo } },
    'add bitmap:ip,mac': { fields: { ...v4, mac: bytes('001122aabbcc'), parts: E.entryIp | E.entryMac } },
    'add list:set': {
      heap: 'ba',
      fields: {
        nameLength: 1,
        refOffset: 1,
        refLength: 1,
        cadtFlags: 1,
        parts: E.entryName | E.entryNameRef | E.entryCadtFlags,
      },
    },
    del: { command: Ipset.DEL, fields: { ...v4, parts: E.entryIp } },
    test: { command: Ipset.TEST, fields: { ...v4, parts: E.entryIp } },
  };

  it.each(Object.entries(cases))('%s', (name, { fields, heap = '', command = Ipset.ADD }) => {
    const tool = sentByTool(name);
    const [ours] = encodeEntries({ command, name: 'web' }, [setEntry(fields)], heap);
    expect(ours!.type).toBe(tool.type);
    // We give the element a number, and the message a place for it, to learn which one is refused.
    const lines = ['9', '7+nested.9', '7+nested.9+be'];
    expect(without(ours!.attributes, ...lines)).toEqual(without(tool.attributes, ...lines));
  });
});

describe('messages with many elements', () => {
  const element = (i: number): Uint8Array => {
    return setEntry({ family: 2, ip: ip(`10.0.${String(i >> 8)}.${String(i & 255)}`), parts: E.entryIp });
  };
  const elements = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => element(i));

  it('number their elements from 1, so that a refused one can be named', () => {
    const [message] = encodeEntries({ command: Ipset.ADD, name: 'web' }, elements(3));
    const adt = message!.attributes.find(([name]) => name === '8+nested')?.[1];
    const lines = Array.isArray(adt) ? adt.map(([, data]) => JSON.stringify(data)) : [];
    expect(lines.map((line) => /"9","(\w+)"/.exec(line)?.[1])).toEqual(['01000000', '02000000', '03000000']);
    expect(message!.attributes).toContainEqual(['9', '00000000']);
  });

  it('stay below a page, and only the last one of a send asks for an acknowledgement', () => {
    const options = { stopOnError: false, head: setCommand({ command: Ipset.ADD, name: 'web' }) };
    const { bytes: sent, messages } = addon.encode('SetEntry', join(...elements(1000)), NOTHING, options);
    const parsed = parse(sent, 'ipset');
    expect(messages).toBe(parsed.length);
    expect(sent.length / messages).toBeGreaterThan(2000);
    const view = Buffer.from(sent);
    for (let at = 0; at < view.length; at += view.readUInt32LE(at))
      expect(view.readUInt32LE(at)).toBeLessThan(4096);
    expect(parsed.map(({ flags }) => flags & 4)).toEqual([...Array<number>(messages - 1).fill(0), 4]);
    expect(parsed.map(({ sequence }) => sequence)).toEqual(parsed.map((_, i) => i + 1));
  });

  it('go one per send when the run stops at the first refusal', () => {
    const options = { stopOnError: true, head: setCommand({ command: Ipset.ADD, name: 'web' }) };
    const { bytes: sent } = addon.encode('SetEntry', join(...elements(1000)), NOTHING, options);
    expect(parse(sent, 'ipset').every(({ flags }) => (flags & 4) !== 0)).toBe(true);
  });

  it('carry one element each when they test', () => {
    const messages = encodeEntries({ command: Ipset.TEST, name: 'web' }, elements(5));
    expect(messages.map(({ attributes }) => attributes.map(([name]) => name))).toEqual(
      Array(5).fill(['1', '2', '7+nested']),
    );
  });

  it('say that elements must be new unless they may exist', () => {
    expect(encodeEntries({ command: Ipset.ADD, name: 'web' }, elements(1))[0]!.flags & 0x200).toBe(0x200);
    expect(encodeEntries({ command: Ipset.ADD, name: 'web', exist: 1 }, elements(1))[0]!.flags & 0x200).toBe(
      0,
    );
  });
});
