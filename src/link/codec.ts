import { ValidationError } from '../errors.js';
import { type Address, AF, familyOf, formatAddress, parseAddress } from '../net/address.js';
import { hostPrefix } from '../net/cidr.js';
import { Link as LinkRecord, LinkAddress as LinkAddressRecord, LinkOp } from '../native/records.js';
import { IFA_F_NODAD, IFF_UP, IFNAMSIZ, RTM, SCOPE_HOST, SCOPES } from './rtnetlink.js';
import type { LinkAddressState, LinkState } from './types.js';

/** Big or little: records are in the order of the machine. */
const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();

/** A name that the kernel takes (dev_valid_name in net/core/dev.c). @throws ValidationError */
export function linkName(name: unknown): string {
  if (
    typeof name !== 'string' ||
    !/^[^\s/:\0]+$/.test(name) ||
    name === '.' ||
    name === '..' ||
    UTF8.encode(name).length >= IFNAMSIZ
  ) {
    throw new ValidationError(
      'name',
      `an interface name of 1 to ${IFNAMSIZ - 1} bytes without blanks, / and :`,
      name,
    );
  }
  return name;
}

/** An address that can be bound to an interface. @throws ValidationError naming `path` */
export function hostAddress(text: unknown, path: string): Address {
  const address = parseAddress(text, path);
  // The kernel answers 0.0.0.0 with success and does nothing (__inet_insert_ifa).
  if (address.bytes.every((byte) => byte === 0))
    throw new ValidationError(path, 'an address other than the unspecified one', text);
  return address;
}

/** Fields of a request about interfaces; those left out are zero. */
export interface LinkRequest {
  readonly command: number;
  readonly index?: number;
  readonly name?: string;
  readonly kind?: string;
  readonly up?: boolean;
  readonly exclusive?: boolean;
}

/** One LinkOp record about an interface. The name must be valid already. */
export function packLink(request: LinkRequest): Uint8Array {
  const out = new Uint8Array(LinkOp.size);
  const view = viewOf(out);
  view.setUint32(LinkOp.command, request.command, LITTLE);
  view.setUint32(LinkOp.index, request.index ?? 0, LITTLE);
  if (request.name !== undefined) out.set(UTF8.encode(request.name), LinkOp.name);
  if (request.kind !== undefined) out.set(UTF8.encode(request.kind), LinkOp.kind);
  if (request.up !== undefined) {
    view.setUint32(LinkOp.flags, request.up ? IFF_UP : 0, LITTLE);
    view.setUint32(LinkOp.flagsMask, IFF_UP, LITTLE);
  }
  out[LinkOp.exclusive] = request.exclusive === true ? 1 : 0;
  return out;
}

/** LinkOp records that add or remove host addresses of one interface. */
export function packAddresses(
  command: typeof RTM.newAddress | typeof RTM.deleteAddress,
  index: number,
  addresses: readonly Address[],
): Uint8Array {
  const out = new Uint8Array(addresses.length * LinkOp.size);
  const view = viewOf(out);
  const adding = command === RTM.newAddress;
  for (const [i, { family, bytes }] of addresses.entries()) {
    const at = i * LinkOp.size;
    view.setUint32(at + LinkOp.command, command, LITTLE);
    view.setUint32(at + LinkOp.index, index, LITTLE);
    out[at + LinkOp.family] = AF[family];
    out[at + LinkOp.prefix] = hostPrefix(family);
    out.set(bytes, at + LinkOp.address);
    if (!adding) continue;
    out[at + LinkOp.exclusive] = 1;
    if (family === 'inet6') view.setUint32(at + LinkOp.addressFlags, IFA_F_NODAD, LITTLE);
    // The kernel works the scope of an IPv6 address out itself.
    else if (bytes[0] === 127) out[at + LinkOp.scope] = SCOPE_HOST;
  }
  return out;
}

function inlineText(bytes: Uint8Array, at: number, size: number): string {
  const field = bytes.subarray(at, at + size);
  const end = field.indexOf(0);
  return TEXT.decode(end < 0 ? field : field.subarray(0, end));
}

/** Interfaces from a table of Link records. */
export function unpackLinks(table: Uint8Array | undefined): LinkState[] {
  const bytes = table ?? new Uint8Array();
  const view = viewOf(bytes);
  const out: LinkState[] = [];
  for (let at = 0; at + LinkRecord.size <= bytes.length; at += LinkRecord.size) {
    const kind = inlineText(bytes, at + LinkRecord.kind, 16);
    out.push({
      index: view.getUint32(at + LinkRecord.index, LITTLE),
      name: inlineText(bytes, at + LinkRecord.name, IFNAMSIZ),
      ...(kind === '' ? {} : { kind }),
      up: (view.getUint32(at + LinkRecord.flags, LITTLE) & IFF_UP) !== 0,
    });
  }
  return out;
}

/**
 * Addresses from a table of LinkAddress records. Those of interfaces that are not in `names` are left out: they came or went
 * between two listings. So are families other than IPv4 and IPv6.
 */
export function unpackAddresses(
  table: Uint8Array | undefined,
  names: ReadonlyMap<number, string>,
): LinkAddressState[] {
  const bytes = table ?? new Uint8Array();
  const view = viewOf(bytes);
  const out: LinkAddressState[] = [];
  for (let at = 0; at + LinkAddressRecord.size <= bytes.length; at += LinkAddressRecord.size) {
    const link = names.get(view.getUint32(at + LinkAddressRecord.index, LITTLE));
    const family = familyOf(bytes[at + LinkAddressRecord.family] ?? 0);
    const scope = bytes[at + LinkAddressRecord.scope] ?? 0;
    if (link === undefined || family === undefined) continue;
    out.push({
      link,
      family,
      address: formatAddress(bytes, family, at + LinkAddressRecord.address),
      prefix: bytes[at + LinkAddressRecord.prefix] ?? 0,
      scope: SCOPES.get(scope) ?? String(scope),
    });
  }
  return out;
}
