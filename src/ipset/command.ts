import { SetCommand, SetOptions } from '../native/records.js';
import { setFieldText } from './fields.js';

/** IPSET_CMD_* of linux/netfilter/ipset/ip_set.h. */
export const Cmd = {
  protocol: 1,
  create: 2,
  destroy: 3,
  flush: 4,
  rename: 5,
  swap: 6,
  list: 7,
  save: 8,
  add: 9,
  del: 10,
  test: 11,
  header: 12,
  type: 13,
  getByName: 14,
  getByIndex: 15,
} as const;

/** IPSET_FLAG_WITH_* : what the entries of a set carry, in the order in which `ipset save` prints the options. */
export const WithFlags = { counters: 8, comment: 16, forceadd: 32, skbinfo: 64 } as const;

/** IPSET_FLAG_LIST_* : what a listing leaves out. */
export const ListFlags = { everything: 0, namesOnly: 2, headersOnly: 4 } as const;

/** What a SetCommand record carries, named as in records.ts. */
export interface CommandFields {
  readonly command: (typeof Cmd)[keyof typeof Cmd];
  readonly protocol: number;
  readonly name?: string;
  readonly name2?: string;
  /** Without NLM_F_EXCL, what the ipset tool calls -exist. */
  readonly exist?: boolean;
  /** AF number. */
  readonly family?: number;
  readonly revision?: number;
  readonly listFlags?: number;
  readonly index?: number;
  readonly hashSize?: number;
  readonly maxElem?: number;
  /** Seconds. */
  readonly timeout?: number;
  /** IPSET_FLAG_WITH_*. */
  readonly cadtFlags?: number;
  readonly initVal?: number;
  readonly markMask?: number;
  readonly listSize?: number;
  readonly netmask?: number;
  readonly bucketSize?: number;
  /** First and last port. */
  readonly ports?: readonly [number, number];
  /** First and last address in network order. */
  readonly addresses?: readonly [Uint8Array, Uint8Array];
  readonly bitmask?: Uint8Array;
}

/** Where the numbers of a create lie, by the size of the field. */
const U32_FIELDS = [
  ['hashSize', SetCommand.hashSize, SetOptions.setHashSize],
  ['maxElem', SetCommand.maxElem, SetOptions.setMaxElem],
  ['timeout', SetCommand.timeout, SetOptions.setTimeout],
  ['cadtFlags', SetCommand.cadtFlags, SetOptions.setCadtFlags],
  ['initVal', SetCommand.initVal, SetOptions.setInitVal],
  ['markMask', SetCommand.markMask, SetOptions.setMarkMask],
  ['listSize', SetCommand.listSize, SetOptions.setSize],
] as const;
const U8_FIELDS = [
  ['family', SetCommand.family, SetOptions.setFamily],
  ['revision', SetCommand.revision, SetOptions.setRevision],
  ['netmask', SetCommand.netmask, SetOptions.setNetmask],
  ['bucketSize', SetCommand.bucketSize, SetOptions.setBucketSize],
] as const;

/** Pack one request. The caller has validated names and numbers. */
export function packCommand(fields: CommandFields): Uint8Array {
  const bytes = new Uint8Array(SetCommand.size);
  const u32 = new Uint32Array(bytes.buffer);
  const u16 = new Uint16Array(bytes.buffer);
  let options = 0;
  u32[SetCommand.command >> 2] = fields.command;
  bytes[SetCommand.protocol] = fields.protocol;
  bytes[SetCommand.exist] = fields.exist === true ? 1 : 0;
  setFieldText(bytes, SetCommand.name, fields.name ?? '');
  setFieldText(bytes, SetCommand.name2, fields.name2 ?? '');
  u32[SetCommand.listFlags >> 2] = fields.listFlags ?? 0;
  for (const [name, at, bit] of U32_FIELDS) {
    const value = fields[name];
    if (value === undefined) continue;
    u32[at >> 2] = value;
    options |= bit;
  }
  for (const [name, at, bit] of U8_FIELDS) {
    const value = fields[name];
    if (value === undefined) continue;
    bytes[at] = value;
    options |= bit;
  }
  if (fields.index !== undefined) {
    u16[SetCommand.index >> 1] = fields.index;
    options |= SetOptions.setIndex;
  }
  if (fields.ports !== undefined) {
    u16[SetCommand.port >> 1] = fields.ports[0];
    u16[SetCommand.portTo >> 1] = fields.ports[1];
    options |= SetOptions.setPort | SetOptions.setPortTo;
  }
  if (fields.addresses !== undefined) {
    bytes.set(fields.addresses[0], SetCommand.ip);
    bytes.set(fields.addresses[1], SetCommand.ipTo);
    options |= SetOptions.setIp | SetOptions.setIpTo;
  }
  if (fields.bitmask !== undefined) {
    bytes.set(fields.bitmask, SetCommand.bitmask);
    options |= SetOptions.setBitmask;
  }
  u32[SetCommand.options >> 2] = options;
  return bytes;
}
