import { SetCommand, SetOptions } from '../native/records.js';
import { setFieldText } from './text.js';

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
  readonly hashSize?: number;
  readonly maxElem?: number;
  readonly range?: readonly [number, number];
}

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
  if (fields.family !== undefined) {
    bytes[SetCommand.family] = fields.family;
    options |= SetOptions.setFamily;
  }
  if (fields.revision !== undefined) {
    bytes[SetCommand.revision] = fields.revision;
    options |= SetOptions.setRevision;
  }
  if (fields.hashSize !== undefined) {
    u32[SetCommand.hashSize >> 2] = fields.hashSize;
    options |= SetOptions.setHashSize;
  }
  if (fields.maxElem !== undefined) {
    u32[SetCommand.maxElem >> 2] = fields.maxElem;
    options |= SetOptions.setMaxElem;
  }
  if (fields.range !== undefined) {
    u16[SetCommand.port >> 1] = fields.range[0];
    u16[SetCommand.portTo >> 1] = fields.range[1];
    options |= SetOptions.setPort | SetOptions.setPortTo;
  }
  u32[SetCommand.options >> 2] = options;
  return bytes;
}
