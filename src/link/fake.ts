import { ClosedError } from '../errors.js';
import { type Family, familyOf, formatAddress } from '../net/address.js';
import { hostPrefix } from '../net/cidr.js';
import { Failure, Link as LinkRecord, LinkAddress as LinkAddressRecord, LinkOp } from '../native/records.js';
import type {
  CallOptions,
  Channel,
  ChannelCounters,
  DumpRequest,
  Reply,
  RunRequest,
} from '../netlink/types.js';
import { IFF_UP, IFNAMSIZ, RTM, SCOPE_HOST } from './rtnetlink.js';

/** An address as the fake keeps it. */
interface FakeAddress {
  readonly family: Family;
  readonly af: number;
  readonly prefix: number;
  readonly scope: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
}

interface FakeLink {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  flags: number;
  readonly mtu: number;
  /** By {@link keyOf}, in the order in which they were added. */
  readonly addresses: Map<string, FakeAddress>;
}

/** A request as a fault hook sees it. */
export interface RouteRequest {
  /** RTM_* number of linux/rtnetlink.h. */
  readonly command: number;
  readonly index: number;
  readonly name: string;
  /** Canonical text, for requests about addresses. */
  readonly address: string | undefined;
}

/** How the kernel would refuse. */
export interface RouteRefusal {
  /** Negative errno. */
  readonly code: number;
  /** Text of the extended acknowledgement. */
  readonly message?: string;
}

/** A route channel in memory: interfaces and addresses of one namespace. */
export interface FakeRouteChannel extends Channel {
  /** Asked before every request, dumps included; an answer is given to the caller and the request not carried out. */
  fault: ((request: RouteRequest) => RouteRefusal | undefined) | undefined;
  /** Does the kernel have the `dummy` driver? Default true. */
  dummySupported: boolean;
  /** Add an interface that the package cannot make, such as `eth0`. Returns its index. */
  addLink(name: string, options?: { readonly kind?: string; readonly up?: boolean }): number;
  /** Without an argument: interfaces and their addresses as text, one per line: `2: kube-ipvs0 dummy down 10.96.0.10/32`. */
  dump(): string;
  dump(request: DumpRequest, options?: CallOptions): Promise<Reply>;
}

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();

const EEXIST = -17;
const ENODEV = -19;
const EINVAL = -22;
const EOPNOTSUPP = -95;
const EADDRNOTAVAIL = -99;
const IFA_F_PERMANENT = 0x80;

interface Decoded extends RouteRequest {
  readonly kind: string;
  readonly flags: number;
  readonly flagsMask: number;
  readonly af: number;
  readonly prefix: number;
  readonly scope: number;
  readonly exclusive: boolean;
  readonly addressFlags: number;
  readonly bytes: Uint8Array;
}

function inlineText(bytes: Uint8Array, at: number): string {
  const field = bytes.subarray(at, at + IFNAMSIZ);
  const end = field.indexOf(0);
  return TEXT.decode(end < 0 ? field : field.subarray(0, end));
}

function decode(record: Uint8Array): Decoded {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const u32 = (at: number): number => view.getUint32(at, LITTLE);
  const command = u32(LinkOp.command);
  const af = record[LinkOp.family] ?? 0;
  const family = familyOf(af);
  const bytes = record.slice(LinkOp.address, LinkOp.address + (family === 'inet' ? 4 : 16));
  const about = command === RTM.newAddress || command === RTM.deleteAddress;
  return {
    command,
    index: u32(LinkOp.index),
    name: inlineText(record, LinkOp.name),
    kind: inlineText(record, LinkOp.kind),
    flags: u32(LinkOp.flags),
    flagsMask: u32(LinkOp.flagsMask),
    af,
    prefix: record[LinkOp.prefix] ?? 0,
    scope: record[LinkOp.scope] ?? 0,
    exclusive: record[LinkOp.exclusive] === 1,
    addressFlags: u32(LinkOp.addressFlags),
    bytes,
    address: about && family !== undefined ? formatAddress(bytes, family) : undefined,
  };
}

function linkTable(links: readonly { readonly op: number; readonly link: FakeLink }[]): Uint8Array {
  const out = new Uint8Array(links.length * LinkRecord.size);
  const view = new DataView(out.buffer);
  for (const [i, { op, link }] of links.entries()) {
    const at = i * LinkRecord.size;
    view.setUint32(at + LinkRecord.op, op, LITTLE);
    view.setUint32(at + LinkRecord.index, link.index, LITTLE);
    out.set(UTF8.encode(link.name), at + LinkRecord.name);
    out.set(UTF8.encode(link.kind), at + LinkRecord.kind);
    view.setUint32(at + LinkRecord.flags, link.flags, LITTLE);
    view.setUint32(at + LinkRecord.mtu, link.mtu, LITTLE);
    out[at + LinkRecord.macLength] = 6;
  }
  return out;
}

function addressTable(
  rows: readonly { readonly index: number; readonly address: FakeAddress }[],
): Uint8Array {
  const out = new Uint8Array(rows.length * LinkAddressRecord.size);
  const view = new DataView(out.buffer);
  for (const [i, { index, address }] of rows.entries()) {
    const at = i * LinkAddressRecord.size;
    view.setUint32(at + LinkAddressRecord.index, index, LITTLE);
    out[at + LinkAddressRecord.family] = address.af;
    out[at + LinkAddressRecord.prefix] = address.prefix;
    out[at + LinkAddressRecord.scope] = address.scope;
    view.setUint32(at + LinkAddressRecord.flags, address.flags, LITTLE);
    out.set(address.bytes, at + LinkAddressRecord.address);
  }
  return out;
}

interface Refused extends RouteRefusal {
  readonly index: number;
}

function failureTable(refused: readonly Refused[]): { failures: Uint8Array; heap: Uint8Array } {
  const failures = new Uint8Array(refused.length * Failure.size);
  const view = new DataView(failures.buffer);
  const texts = refused.map(({ message }) => UTF8.encode(message ?? ''));
  const heap = new Uint8Array(texts.reduce((sum, text) => sum + text.length, 0));
  let offset = 0;
  for (const [i, { index, code }] of refused.entries()) {
    const at = i * Failure.size;
    const text = texts[i] ?? new Uint8Array();
    view.setUint32(at + Failure.index, index, LITTLE);
    view.setInt32(at + Failure.code, code, LITTLE);
    view.setUint32(at + Failure.messageOffset, offset, LITTLE);
    view.setUint16(at + Failure.messageLength, text.length, LITTLE);
    heap.set(text, offset);
    offset += text.length;
  }
  return { failures, heap };
}

/** Scope of an IPv6 address, which the kernel works out from the address itself (ipv6_addr_scope). */
function scope6(bytes: Uint8Array): number {
  const [a = 0, b = 0] = bytes;
  if (a === 0xfe && (b & 0xc0) === 0x80) return 253;
  if (a === 0xfe && (b & 0xc0) === 0xc0) return 200;
  return bytes.every((byte, i) => byte === (i === 15 ? 1 : 0)) ? SCOPE_HOST : 0;
}

/** An interface has an IPv4 address once per prefix length, an IPv6 address once (ipv6_chk_same_addr). */
function keyOf({ family, prefix, bytes }: Pick<FakeAddress, 'family' | 'prefix' | 'bytes'>): string {
  const text = formatAddress(bytes, family);
  return family === 'inet' ? `${text}/${prefix}` : text;
}

class FakeRoute implements FakeRouteChannel {
  readonly subsystem = 'route';
  fault: FakeRouteChannel['fault'] = undefined;
  dummySupported = true;
  readonly #links = new Map<number, FakeLink>();
  #nextIndex = 1;
  #closed = false;
  #sends = 0;
  #messages = 0;
  #dumps = 0;

  constructor() {
    const lo = this.#create('lo', '', IFF_UP);
    const host = { scope: SCOPE_HOST, flags: IFA_F_PERMANENT };
    const six = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0));
    for (const address of [
      { ...host, family: 'inet', af: 2, prefix: 8, bytes: Uint8Array.of(127, 0, 0, 1) },
      { ...host, family: 'inet6', af: 10, prefix: 128, bytes: six },
    ] as const)
      lo.addresses.set(keyOf(address), address);
  }

  #create(name: string, kind: string, flags: number): FakeLink {
    const index = this.#nextIndex++;
    const link: FakeLink = { index, name, kind, flags, mtu: 1500, addresses: new Map() };
    this.#links.set(index, link);
    return link;
  }

  addLink(name: string, options: { readonly kind?: string; readonly up?: boolean } = {}): number {
    return this.#create(name, options.kind ?? '', options.up === false ? 0 : IFF_UP).index;
  }

  #find(request: Decoded): FakeLink | undefined {
    if (request.index !== 0) return this.#links.get(request.index);
    return [...this.#links.values()].find((link) => link.name === request.name);
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    await Promise.resolve();
    if (this.#closed) throw new ClosedError('route channel');
    signal?.throwIfAborted();
    this.#sends++;
  }

  async run(request: RunRequest, options?: CallOptions): Promise<Reply> {
    await this.#enter(options?.signal);
    const count = Math.floor(request.records.length / LinkOp.size);
    const refused: Refused[] = [];
    const found: { op: number; link: FakeLink }[] = [];
    let settled = 0;
    for (; settled < count; settled++) {
      const op = decode(request.records.subarray(settled * LinkOp.size, (settled + 1) * LinkOp.size));
      this.#messages++;
      const at = settled;
      const refusal = this.fault?.(op) ?? this.#one(op, (link) => found.push({ op: at, link }));
      if (refusal === undefined) continue;
      refused.push({ ...refusal, index: settled });
      if (request.stopOnError === true) {
        settled++;
        break;
      }
    }
    return {
      settled,
      overrun: false,
      error: 0,
      interrupted: false,
      ...failureTable(refused),
      Link: linkTable(found),
    };
  }

  dump(): string;
  dump(request: DumpRequest, options?: CallOptions): Promise<Reply>;
  dump(request?: DumpRequest, options?: CallOptions): string | Promise<Reply> {
    return request === undefined ? this.#text() : this.#list(request, options);
  }

  #text(): string {
    return [...this.#links.values()]
      .map(({ index, name, kind, flags, addresses }) =>
        [
          `${index}:`,
          name,
          ...(kind === '' ? [] : [kind]),
          (flags & IFF_UP) === 0 ? 'down' : 'up',
          ...[...addresses.values()].map((a) => `${formatAddress(a.bytes, a.family)}/${a.prefix}`),
        ].join(' '),
      )
      .map((line) => `${line}\n`)
      .join('');
  }

  async #list(request: DumpRequest, options: CallOptions | undefined): Promise<Reply> {
    await this.#enter(options?.signal);
    this.#messages++;
    this.#dumps++;
    const op = decode(request.record);
    const reply = { settled: 1, overrun: false, interrupted: false, ...failureTable([]) };
    const refusal = this.fault?.(op);
    if (refusal !== undefined) return { ...reply, error: refusal.code };
    if (op.command === RTM.getLink) {
      const links = [...this.#links.values()].filter(
        (link) => (op.index === 0 || link.index === op.index) && (op.name === '' || link.name === op.name),
      );
      return { ...reply, error: 0, Link: linkTable(links.map((link) => ({ op: 0, link }))) };
    }
    if (op.index !== 0 && !this.#links.has(op.index))
      return { ...reply, error: ENODEV, LinkAddress: addressTable([]) };
    const rows = [...this.#links.values()]
      .filter((link) => op.index === 0 || link.index === op.index)
      .flatMap((link) => [...link.addresses.values()].map((address) => ({ index: link.index, address })))
      .filter(({ address }) => op.af === 0 || address.af === op.af);
    // The kernel lists IPv4 first, then IPv6.
    rows.sort((a, b) => a.address.af - b.address.af || a.index - b.index);
    return { ...reply, error: 0, LinkAddress: addressTable(rows) };
  }

  #one(op: Decoded, found: (link: FakeLink) => void): RouteRefusal | undefined {
    const link = this.#find(op);
    switch (op.command) {
      case RTM.getLink:
        if (link === undefined) return { code: ENODEV };
        found(link);
        return undefined;
      case RTM.newLink:
        if (link !== undefined) return op.exclusive ? { code: EEXIST } : undefined;
        if (op.kind !== 'dummy' || !this.dummySupported)
          return { code: EOPNOTSUPP, message: 'Unknown device type' };
        this.#create(op.name, op.kind, op.flags & op.flagsMask);
        return undefined;
      case RTM.setLink:
        if (link === undefined) return { code: ENODEV };
        this.#setFlags(link, (link.flags & ~op.flagsMask) | (op.flags & op.flagsMask));
        return undefined;
      case RTM.deleteLink:
        if (link === undefined) return { code: ENODEV };
        // Only drivers that can make interfaces can remove them.
        if (link.kind === '') return { code: EOPNOTSUPP };
        this.#links.delete(link.index);
        return undefined;
      case RTM.newAddress:
        return link === undefined
          ? { code: ENODEV, message: 'Device not found' }
          : this.#addAddress(link, op);
      case RTM.deleteAddress:
        return link === undefined
          ? { code: ENODEV, message: 'Device not found' }
          : this.#removeAddress(link, op);
      default:
        return { code: EOPNOTSUPP };
    }
  }

  #setFlags(link: FakeLink, flags: number): void {
    const goesDown = (link.flags & IFF_UP) !== 0 && (flags & IFF_UP) === 0;
    link.flags = flags;
    // An interface that goes down loses its IPv6 addresses (keep_addr_on_down is off by default) and keeps the IPv4 ones.
    if (!goesDown) return;
    for (const [key, { family }] of link.addresses) if (family === 'inet6') link.addresses.delete(key);
  }

  #addAddress(link: FakeLink, op: Decoded): RouteRefusal | undefined {
    const family = familyOf(op.af);
    if (family === undefined) return { code: EOPNOTSUPP };
    if (op.prefix > hostPrefix(family)) return { code: EINVAL };
    const multicast = family === 'inet6' && op.bytes[0] === 0xff;
    const loopback = family === 'inet6' && scope6(op.bytes) === SCOPE_HOST && link.name !== 'lo';
    if (multicast || loopback) return { code: EADDRNOTAVAIL, message: 'Cannot assign requested address' };
    const address: FakeAddress = {
      family,
      af: op.af,
      prefix: op.prefix,
      scope: family === 'inet' ? op.scope : scope6(op.bytes),
      flags: op.addressFlags | IFA_F_PERMANENT,
      bytes: op.bytes,
    };
    const key = keyOf(address);
    if (link.addresses.has(key))
      return op.exclusive ? { code: EEXIST, message: 'Address already assigned' } : undefined;
    link.addresses.set(key, address);
    return undefined;
  }

  #removeAddress(link: FakeLink, op: Decoded): RouteRefusal | undefined {
    const family = familyOf(op.af);
    const key = family === undefined ? '' : keyOf({ family, prefix: op.prefix, bytes: op.bytes });
    if (link.addresses.get(key)?.prefix !== op.prefix)
      return { code: EADDRNOTAVAIL, message: 'Address not found' };
    link.addresses.delete(key);
    return undefined;
  }

  counters(): ChannelCounters {
    return {
      sends: this.#sends,
      receives: this.#sends,
      messages: this.#messages,
      bytesSent: 0,
      bytesReceived: 0,
      dumps: this.#dumps,
      overruns: 0,
      sockets: this.#closed ? 0 : 1,
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}

/** A fresh namespace in memory: only `lo`, up. Answers the same records with the same errors as the kernel (Linux 6.12). */
export function fakeRouteChannel(): FakeRouteChannel {
  return new FakeRoute();
}
