import { EntryParts, SetEntry } from '../native/records.js';
import { IpsetErr } from './errors.js';
import { lackingExtension, setNomatch, type FakeRequest, type FakeSetParameters } from './fake-element.js';
import { addressesOf, networkEnds, networksOf } from './fake-range.js';
import { LITTLE_ENDIAN } from './fake-records.js';
import { EntryFlags, type EntryLayout } from './layout.js';
import { clearHostBits } from './pack.js';
import { hasIcmpType, hasPorts } from './protocols.js';

/** Codes that more than one kind of set gives a meaning of its own. */
export const BITMAP_RANGE = 4352;
const HASH_ELEM = 4353;
const INVALID_PROTO = 4354;
const MISSING_PROTO = 4355;
const RANGE_UNSUPPORTED = 4356;
const HASH_RANGE = 4357;
const EINVAL = 22;

/** The keys that a request is about: one, or as many as its ranges have. */
export interface ParsedKeys {
  readonly first: Uint8Array;
  /** All of them; not for tests, which look at the first only. */
  readonly all: () => Iterable<Uint8Array>;
}

/** One way to fill a place in a key. */
type Fill = (key: Uint8Array, view: DataView) => void;

/**
 * What the kernel makes of an element of a request: keys in the form that it stores, or the code that refuses it. The checks of
 * net/netfilter/ipset/ip_set_hash_*.c and ip_set_bitmap_*.c in their order: attributes, addresses, extensions, the rest.
 */
export function parseKeys(
  request: FakeRequest,
  set: FakeSetParameters,
  layout: EntryLayout,
): ParsedKeys | number {
  const { spec, ipv6, full } = layout;
  const has = (part: (typeof spec.parts)[number]): boolean => spec.parts.includes(part);
  const optional = EntryParts.entryCidr | EntryParts.entryCidr2 | EntryParts.entryProto;
  const needed = layout.mask & ~optional;
  if ((request.parts & needed) !== needed) return IpsetErr.protocol;
  if (layout.af !== 0 && request.u8(SetEntry.family) !== layout.af) {
    return set.type === 'hash:ip,mac' ? -1 : IpsetErr.protocol;
  }
  const lacking = lackingExtension(request, set);
  if (lacking !== 0) return set.type === 'hash:ip,mac' ? -1 : lacking;

  const base = new Uint8Array(SetEntry.size);
  const view = new DataView(base.buffer);
  base[SetEntry.family] = layout.af;
  const places: Fill[][] = [];

  // --- the first address
  const ip = addressBytes(request, SetEntry.ip);
  if (has('ip') || has('host')) {
    if (request.has(EntryParts.entryCidr)) {
      const cidr = request.u8(SetEntry.cidr);
      if (cidr === 0 || cidr > full) return IpsetErr.invalidCidr;
      if (ipv6 && cidr !== full) return IpsetErr.invalidCidr;
    }
    if (ipv6 && request.has(EntryParts.entryIpTo)) return RANGE_UNSUPPORTED;
    const code = spec.kind === 'bitmap' ? outside(request, set) : 0;
    if (code !== 0) return code;
    places.push([...ipFills(request, set, layout, ip)]);
  }
  if (has('net')) {
    const nets = netFills(request, set, layout, ip, false);
    if (typeof nets === 'number') return nets;
    places.push(nets);
  }

  // --- ports
  if (has('protocolPort') || has('port')) {
    const ports = portFills(request, layout);
    if (typeof ports === 'number') return ports;
    if (has('port')) {
      const [low, high] = portEnds(request, true);
      if (low < set.range[0] || high > set.range[1]) return BITMAP_RANGE;
    }
    places.push(ports);
  }

  // --- the second address
  const ip2 = addressBytes(request, SetEntry.ip2);
  if (has('ip2')) base.set(ip2, SetEntry.ip2);
  if (has('net2')) {
    const nets = netFills(request, set, layout, ip2, true);
    if (typeof nets === 'number') return nets;
    places.push(nets);
  }

  // --- the rest
  if (request.has(EntryParts.entryMac)) {
    base.set(request.bytes.subarray(SetEntry.mac, SetEntry.mac + 6), SetEntry.mac);
  }
  if (has('mark')) {
    view.setUint32(SetEntry.mark, (request.u32(SetEntry.mark) & set.markMask) >>> 0, LITTLE_ENDIAN);
  }
  const kept = EntryFlags.physdev | EntryFlags.wildcard;
  view.setUint32(SetEntry.cadtFlags, has('iface') ? request.flags & kept : 0, LITTLE_ENDIAN);
  const mac = has('optionalMac') ? request.parts & EntryParts.entryMac : 0;
  view.setUint32(SetEntry.parts, layout.mask | mac, LITTLE_ENDIAN);
  setNomatch(base, spec.flags.includes('nomatch') && (request.flags & EntryFlags.nomatch) !== 0);

  const first = base.slice();
  for (const place of places) place[0]?.(first, new DataView(first.buffer));
  const zero = nullElement(set, first);
  if (zero !== 0) return zero;
  return { first, all: () => keysOf(base, places) };
}

function* keysOf(base: Uint8Array, places: readonly Fill[][], depth = 0): Generator<Uint8Array> {
  const place = places[depth];
  if (place === undefined) {
    yield base.slice();
    return;
  }
  for (const fill of place) {
    fill(base, new DataView(base.buffer));
    yield* keysOf(base, places, depth + 1);
  }
}

function addressBytes(request: FakeRequest, at: number): Uint8Array {
  return request.bytes.slice(at, at + 16);
}

/** The set's netmask or bitmask over an address. */
function applyMask(bytes: Uint8Array, mask: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] ?? 0) & (mask[i] ?? 0);
}

/** First and last address of a request for addresses in IPv4. */
function ipEnds(request: FakeRequest): readonly [number, number] {
  const ip = request.ipv4(SetEntry.ip);
  if (request.has(EntryParts.entryIpTo)) {
    const to = request.ipv4(SetEntry.ipTo);
    return ip <= to ? [ip, to] : [to, ip];
  }
  return request.has(EntryParts.entryCidr) ? networkEnds(ip, request.u8(SetEntry.cidr)) : [ip, ip];
}

function outside(request: FakeRequest, set: FakeSetParameters): number {
  const [from, to] = ipEnds(request);
  return from < set.range[0] || to > set.range[1] ? BITMAP_RANGE : 0;
}

function* ipFills(
  request: FakeRequest,
  set: FakeSetParameters,
  layout: EntryLayout,
  ip: Uint8Array,
): Generator<Fill> {
  if (layout.ipv6) {
    applyMask(ip, set.mask);
    yield (key) => key.set(ip, SetEntry.ip);
    return;
  }
  const [from, to] = ipEnds(request);
  const step = set.masked === 'netmask' ? 2 ** (32 - set.netmask) : 1;
  const start = step === 1 ? from : Math.floor(from / step) * step;
  const seen = new Set<number>();
  for (const address of addressesOf(start, to, step)) {
    const masked = (address & new DataView(set.mask.buffer).getUint32(0)) >>> 0;
    if (seen.has(masked)) continue;
    seen.add(masked);
    yield (_, view) => view.setUint32(SetEntry.ip, masked);
  }
}

function netFills(
  request: FakeRequest,
  set: FakeSetParameters,
  layout: EntryLayout,
  ip: Uint8Array,
  second: boolean,
): Fill[] | number {
  const { full, ipv6, spec } = layout;
  const at = second ? SetEntry.ip2 : SetEntry.ip;
  const cidrAt = second ? SetEntry.cidr2 : SetEntry.cidr;
  const hasTo = request.has(second ? EntryParts.entryIp2To : EntryParts.entryIpTo);
  const given = request.has(second ? EntryParts.entryCidr2 : EntryParts.entryCidr);
  const prefix = given ? request.u8(cidrAt) : full;
  if (prefix > full || (prefix === 0 && !spec.zeroPrefix)) return IpsetErr.invalidCidr;
  if (hasTo) {
    if (ipv6) return RANGE_UNSUPPORTED;
    const a = request.ipv4(at);
    const b = request.ipv4(second ? SetEntry.ip2To : SetEntry.ipTo);
    const [from, to] = a <= b ? [a, b] : [b, a];
    if (from === 0 && to === 0xffff_ffff) return HASH_RANGE;
    return networksOf(from, to).map((net): Fill => (key, view) => {
      view.setUint32(at, net.ip);
      key[cidrAt] = net.prefix;
    });
  }
  clearHostBits(ip, 0, prefix, full);
  if (spec.name === 'hash:net,net') applyMask(ip, set.mask);
  return [
    (key) => {
      key.set(ip, at);
      key[cidrAt] = prefix;
    },
  ];
}

/** First and last port of a request. */
function portEnds(request: FakeRequest, ranges: boolean): readonly [number, number] {
  const port = request.u16(SetEntry.port);
  if (!ranges || !request.has(EntryParts.entryPortTo)) return [port, port];
  const to = request.u16(SetEntry.portTo);
  return port <= to ? [port, to] : [to, port];
}

function portFills(request: FakeRequest, layout: EntryLayout): Fill[] | number {
  const plain = layout.spec.parts.includes('port');
  const protocol = plain ? 0 : request.u8(SetEntry.proto);
  if (!plain && !request.has(EntryParts.entryProto)) return MISSING_PROTO;
  if (!plain && protocol === 0) return INVALID_PROTO;
  const [from, to] = portEnds(request, plain || hasPorts(protocol));
  const stored = plain || hasPorts(protocol) || hasIcmpType(protocol, layout.ipv6);
  const fills: Fill[] = [];
  for (let port = from; port <= to; port++) {
    fills.push((key, view) => {
      key[SetEntry.proto] = protocol;
      view.setUint16(SetEntry.port, stored ? port : 0, LITTLE_ENDIAN);
    });
  }
  return fills;
}

/** The code for an element that the type does not store because it is all zeros. */
function nullElement(set: FakeSetParameters, key: Uint8Array): number {
  const zero = (at: number, length: number): boolean =>
    key.subarray(at, at + length).every((byte) => byte === 0);
  const ip = zero(SetEntry.ip, 16);
  switch (set.type) {
    case 'hash:ip':
      return ip ? HASH_ELEM : 0;
    case 'hash:ip,mark':
      return ip && zero(SetEntry.mark, 4) && set.family === 2 ? HASH_ELEM : 0;
    case 'hash:ip,port':
      return ip ? EINVAL : 0;
    case 'hash:mac':
    case 'hash:ip,mac':
      return zero(SetEntry.mac, 6) ? HASH_ELEM : 0;
    default:
      return 0;
  }
}
