import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.js';
import { DaemonParts as D, IpvsParts as P } from '../../src/native/records.js';
import { bytes, golden } from './support/golden.js';
import { ip, Ipvs, ipvsOp, join, NOTHING, type Fields } from './support/records.js';
import { mapped, parse, without, type Message, type Tree } from './support/tree.js';

const addon = loadAddon();
const captured = golden('ipvs');

function encode(...ops: readonly Fields[]): Message[] {
  const { bytes: sent, messages } = addon.encode('IpvsOp', join(...ops.map(ipvsOp)), NOTHING, {
    stopOnError: false,
  });
  expect(messages).toBe(ops.length);
  return parse(sent, 'ipvs');
}

/** ipvsadm sends IPv4 addresses with twelve zero bytes behind them; the kernel looks at the first four. */
function shortAddresses(tree: Tree): Tree {
  const short = (address: string): string =>
    address.endsWith('0'.repeat(24)) ? address.slice(0, 8) : address;
  return mapped(mapped(tree, '1.3', short), '2.1', short);
}

/** ipvsadm describes the service in full where its identity is all that the kernel reads. */
const SERVICE_EXTRAS = ['1.6', '1.7', '1.8', '1.9'];
const DEST_EXTRAS = ['2.3', '2.4', '2.5', '2.6', '2.13', '2.14', '2.15'];

const web = { family: 2, protocol: 6, address: ip('10.0.0.1'), port: 80 };
const full = {
  parts: P.serviceIdentity | P.serviceAttributes,
  flagsMask: 0xffffffff,
  netmask: bytes('ffffffff'),
};
const dest = { destFamily: 2, destAddress: ip('127.0.0.2'), destPort: 80 };
const withDest = { parts: P.serviceIdentity | P.destIdentity | P.destAttributes };

interface Case {
  readonly op: Fields;
  /** What ipvsadm says beyond what it has to. */
  readonly extras?: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  'add service': { op: { command: Ipvs.NEW_SERVICE, ...web, ...full, scheduler: 'rr' } },
  'add persistent service': {
    op: {
      command: Ipvs.NEW_SERVICE,
      ...web,
      ...full,
      protocol: 17,
      port: 53,
      scheduler: 'sh',
      flags: 1 | 8 | 16,
      timeout: 360,
      netmask: bytes('ffffff00'),
    },
  },
  'add service inet6': {
    op: {
      command: Ipvs.NEW_SERVICE,
      ...full,
      family: 10,
      protocol: 6,
      address: bytes('20010db8000000000000000000000001'),
      port: 443,
      scheduler: 'wlc',
      flags: 1,
      timeout: 60,
      netmask: bytes('40000000'),
    },
  },
  'add fwmark service': {
    op: {
      command: Ipvs.NEW_SERVICE,
      ...full,
      family: 10,
      byFwmark: 1,
      fwmark: 7,
      scheduler: 'wrr',
      flags: 4,
      netmask: bytes('80000000'),
    },
  },
  'edit service': { op: { command: Ipvs.SET_SERVICE, ...web, ...full, scheduler: 'wrr' } },
  'delete service': {
    op: { command: Ipvs.DEL_SERVICE, ...web, parts: P.serviceIdentity },
    extras: SERVICE_EXTRAS,
  },
  'add destination': {
    op: {
      command: Ipvs.NEW_DEST,
      ...web,
      ...dest,
      ...withDest,
      destPort: 8080,
      weight: 50,
      upperThreshold: 100,
      lowerThreshold: 10,
    },
    extras: SERVICE_EXTRAS,
  },
  'add tunnel destination': {
    op: {
      command: Ipvs.NEW_DEST,
      ...web,
      ...dest,
      ...withDest,
      forwarding: 2,
      weight: 1,
      tunnelType: 1,
      tunnelPort: 6080,
      tunnelFlags: 1,
    },
    extras: SERVICE_EXTRAS,
  },
  'edit destination': {
    op: { command: Ipvs.SET_DEST, ...web, ...dest, ...withDest, forwarding: 3 },
    extras: SERVICE_EXTRAS,
  },
  'delete destination': {
    op: { command: Ipvs.DEL_DEST, ...web, ...dest, parts: P.serviceIdentity | P.destIdentity },
    extras: [...SERVICE_EXTRAS, ...DEST_EXTRAS],
  },
  'start daemon': {
    op: { command: Ipvs.NEW_DAEMON, parts: P.daemon, daemonState: 1, daemonSyncId: 7, daemonInterface: 'lo' },
  },
  'set timeouts': {
    op: { command: Ipvs.SET_CONFIG, parts: P.config, tcpTimeout: 901, tcpFinTimeout: 121, udpTimeout: 301 },
  },
  zero: { op: { command: Ipvs.ZERO, ...web, parts: P.serviceIdentity }, extras: SERVICE_EXTRAS },
  flush: { op: { command: Ipvs.FLUSH } },
  'list timeouts': { op: { command: Ipvs.GET_CONFIG } },
};

describe('IPVS requests are encoded as ipvsadm does it', () => {
  it.each(Object.entries(cases))('%s', (name, { op, extras = [] }) => {
    const tool = parse(bytes(captured(name).sent.at(-1) ?? ''), 'ipvs')[0]!;
    const message = encode(op)[0]!;
    expect(message.header).toBe(tool.header);
    expect(message.attributes).toEqual(without(shortAddresses(tool.attributes), ...extras));
  });
});

describe('IPVS requests', () => {
  it('name the address family of a destination even where it is the one of the service', () => {
    const [message] = encode({
      command: Ipvs.DEL_DEST,
      ...web,
      ...dest,
      parts: P.serviceIdentity | P.destIdentity,
    });
    const nest = message!.attributes.find(([name]) => name === '2')?.[1];
    expect(nest).toContainEqual(['11', '0200']);
  });

  it('send IPv6 destinations of IPv4 services with all their bytes', () => {
    const address = bytes('20010db8000000000000000000000009');
    const [message] = encode({
      command: Ipvs.NEW_DEST,
      ...web,
      ...withDest,
      destFamily: 10,
      destAddress: address,
      destPort: 80,
      forwarding: 2,
    });
    const nest = message!.attributes.find(([name]) => name === '2')?.[1];
    expect(nest).toContainEqual(['1', '20010db8000000000000000000000009']);
    expect(nest).toContainEqual(['11', '0a00']);
  });

  it('carry the optional attributes of a daemon only where they are given', () => {
    const daemon = {
      command: Ipvs.NEW_DAEMON,
      parts: P.daemon,
      daemonState: 2,
      daemonSyncId: 1,
      daemonInterface: 'eth0',
    };
    const [message] = encode({
      ...daemon,
      daemonGroup: ip('224.0.0.82'),
      daemonPort: 8849,
      daemonTtl: 3,
      daemonMaxLen: 1400,
      daemonParts: D.daemonGroup4 | D.daemonPort | D.daemonTtl | D.daemonMaxLen,
    });
    expect(message!.attributes).toEqual([
      [
        '3',
        [
          ['1', '02000000'],
          ['2', Buffer.from('eth0\0').toString('hex')],
          ['3', '01000000'],
          ['4', '7805'],
          ['5', 'e0000052'],
          ['7', '9122'],
          ['8', '03'],
        ],
      ],
    ]);
  });

  it('name an engine only where one is given', () => {
    const op = { command: Ipvs.NEW_SERVICE, ...web, ...full, scheduler: 'rr' };
    expect(JSON.stringify(encode(op)[0]!.attributes)).not.toContain('"11"');
    const [message] = encode({ ...op, parts: full.parts | P.serviceEngine, engine: 'sip' });
    expect(message!.attributes[0]?.[1]).toContainEqual(['11', Buffer.from('sip\0').toString('hex')]);
  });

  it('are numbered from 1 and ask for an acknowledgement at the end', () => {
    const messages = encode(
      { command: Ipvs.GET_INFO },
      { command: Ipvs.GET_CONFIG },
      { command: Ipvs.FLUSH },
    );
    expect(messages.map(({ sequence, flags }) => [sequence, flags])).toEqual([
      [1, 1],
      [2, 1],
      [3, 5],
    ]);
  });
});
