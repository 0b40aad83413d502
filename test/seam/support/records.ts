import { Failure, IpvsOp, LinkOp, SetCommand, SetEntry } from '../../../src/native/records.js';

/** Fields of a record by name: numbers by the field's width, bytes and text as they are. */
export type Fields = Readonly<Record<string, number | bigint | Uint8Array | string>>;
type Layout = Readonly<Record<string, number>>;

/** Widths of the numeric fields that do not have 32 bits. */
const WIDTHS: ReadonlyMap<Layout, Readonly<Record<string, 1 | 2 | 8>>> = new Map<
  Layout,
  Readonly<Record<string, 1 | 2 | 8>>
>([
  [
    IpvsOp,
    {
      family: 2,
      protocol: 2,
      port: 2,
      byFwmark: 1,
      parts: 1,
      destFamily: 2,
      destPort: 2,
      tunnelType: 1,
      tunnelPort: 2,
      tunnelFlags: 2,
      daemonMaxLen: 2,
      daemonPort: 2,
      daemonTtl: 1,
      daemonParts: 1,
    },
  ],
  [
    SetCommand,
    {
      exist: 1,
      family: 1,
      revision: 1,
      protocol: 1,
      index: 2,
      port: 2,
      portTo: 2,
      netmask: 1,
      bucketSize: 1,
      cidr: 1,
    },
  ],
  [
    SetEntry,
    {
      family: 1,
      proto: 1,
      cidr: 1,
      cidr2: 1,
      port: 2,
      portTo: 2,
      skbQueue: 2,
      packets: 8,
      bytes: 8,
      nameLength: 2,
      refLength: 2,
      commentLength: 2,
    },
  ],
  [LinkOp, { family: 1, prefix: 1, scope: 1, exclusive: 1 }],
]);

/** One record of that layout. */
export function record(layout: Layout, fields: Fields): Uint8Array {
  const bytes = new Uint8Array(layout['size'] ?? 0);
  const view = new DataView(bytes.buffer);
  for (const [name, value] of Object.entries(fields)) {
    const at = layout[name];
    if (at === undefined) throw new Error(`no such field: ${name}`);
    if (typeof value === 'string') bytes.set(Buffer.from(value), at);
    else if (typeof value === 'object') bytes.set(value, at);
    else writeNumber(view, at, value, WIDTHS.get(layout)?.[name] ?? 4);
  }
  return bytes;
}

function writeNumber(view: DataView, at: number, value: number | bigint, width: 1 | 2 | 4 | 8): void {
  const number = Number(value);
  if (width === 8) view.setBigUint64(at, BigInt(value), true);
  else if (width === 4) view.setInt32(at, number | 0, true);
  else if (width === 2) view.setUint16(at, number, true);
  else view.setUint8(at, number);
}

export const ipvsOp = (fields: Fields): Uint8Array => record(IpvsOp, fields);
export const setCommand = (fields: Fields): Uint8Array => record(SetCommand, { protocol: 7, ...fields });
export const setEntry = (fields: Fields): Uint8Array => record(SetEntry, fields);
export const linkOp = (fields: Fields): Uint8Array => record(LinkOp, fields);

/** Records one after the other. */
export function join(...records: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(records));
}

export const NOTHING: Uint8Array = new Uint8Array(0);

/** The records of a table. */
export function rows(table: Uint8Array | undefined, layout: Layout): DataView[] {
  if (table === undefined) throw new Error('the reply has no such table');
  const size = layout['size'] ?? 1;
  return Array.from(
    { length: table.length / size },
    (_, i) => new DataView(table.buffer, table.byteOffset + i * size, size),
  );
}

/** NUL-padded text of a record. */
export function text(row: DataView, at: number, length: number): string {
  const bytes = Buffer.from(row.buffer, row.byteOffset + at, length);
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? length : end);
}

/** Dotted form of an IPv4 address of a record. */
export function ipv4(row: DataView, at: number): string {
  return [0, 1, 2, 3].map((i) => row.getUint8(at + i)).join('.');
}

/** `[index, code]` of every refusal. */
export function failures(reply: { readonly failures: Uint8Array }): [number, number][] {
  return rows(reply.failures, Failure).map((row) => [
    row.getUint32(Failure.index, true),
    row.getInt32(Failure.code, true),
  ]);
}

/** IPv4 address in network order. */
export function ip(address: string): Uint8Array {
  return Uint8Array.from(address.split('.').map(Number));
}

/** Numbers of the headers that the records carry. */
export const Ipset = {
  PROTOCOL: 1,
  CREATE: 2,
  DESTROY: 3,
  FLUSH: 4,
  RENAME: 5,
  SWAP: 6,
  LIST: 7,
  ADD: 9,
  DEL: 10,
  TEST: 11,
  HEADER: 12,
  TYPE: 13,
  BYNAME: 14,
  BYINDEX: 15,
} as const;
export const Ipvs = {
  NEW_SERVICE: 1,
  SET_SERVICE: 2,
  DEL_SERVICE: 3,
  GET_SERVICE: 4,
  NEW_DEST: 5,
  SET_DEST: 6,
  DEL_DEST: 7,
  GET_DEST: 8,
  NEW_DAEMON: 9,
  DEL_DAEMON: 10,
  GET_DAEMON: 11,
  SET_CONFIG: 12,
  GET_CONFIG: 13,
  GET_INFO: 15,
  ZERO: 16,
  FLUSH: 17,
} as const;
export const Rtm = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
} as const;
