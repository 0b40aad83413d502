import fc from 'fast-check';
import { canonicalEntry, entryKey } from '../../src/ipset/entry.js';
import { SET_TYPES, type SetTypeSpec } from '../../src/ipset/set-types.js';
import type { CreateOptionName, CreateOptions, SetType } from '../../src/ipset/types.js';
import { tryParseAddress, formatAddress, type Family } from '../../src/net/address.js';
import { maskBytes } from '../../src/net/cidr.js';
import { entryKeys, options as entryOptions } from '../unit/ipset/arbitraries.js';

/** A set as a test wants it: how it is created, and what is added. */
export interface SampleSet {
  readonly name: string;
  readonly type: SetType;
  readonly options: CreateOptions;
  /** Entries to add, as objects. */
  readonly entries: readonly object[];
  /** What listings must show for them, as `ipset save` prints it; sorted but for a `list:set`. */
  readonly texts: readonly string[];
}

/** Sets that samples of `list:set` hold. */
export const MEMBERS: readonly string[] = Array.from({ length: 6 }, (_, i) => `member-${String(i)}`);

/** Interfaces of which none is the beginning of another. */
const IFACES = ['eth0', 'wlan1', 'br-lan', 'x', 'ppp-0123456789a'] as const;

const OPTION: Readonly<Record<Exclude<CreateOptionName, 'family' | 'range'>, fc.Arbitrary<unknown>>> = {
  hashSize: fc.constantFrom(1, 64, 100, 1024),
  maxElements: fc.integer({ min: 1000, max: 0xffff_ffff }),
  netmask: fc.integer({ min: 1, max: 32 }),
  bitmask: fc.constantFrom('255.255.0.255', '255.255.255.254', '255.0.0.0'),
  markMask: fc.constantFrom(1, 0xff00, 0x8000_0001, 0xffff_ffff),
  size: fc.integer({ min: 4, max: 100 }),
  // Far enough from zero that nothing expires while a test runs.
  timeout: fc.oneof(fc.constant(0), fc.integer({ min: 100_000, max: 2_147_483 })),
  counters: fc.constant(true),
  comment: fc.constant(true),
  forceadd: fc.constant(true),
  skbinfo: fc.constant(true),
  bucketSize: fc.constantFrom(6, 7, 8, 12),
  initialValue: fc.integer({ min: 0, max: 0xffff_ffff }),
};

function createOptions(spec: SetTypeSpec, revision: number): fc.Arbitrary<CreateOptions> {
  const names = spec.options.filter((name) => name in OPTION && (spec.revisionOf[name] ?? 0) <= revision);
  const some = Object.fromEntries(names.map((name) => [name, OPTION[name as keyof typeof OPTION]]));
  const family = spec.options.includes('family') ? fc.constantFrom('inet', 'inet6') : fc.constant(undefined);
  return fc.tuple(fc.record(some, { requiredKeys: [] }), family, fc.boolean()).map(([chosen, fam, mask]) => {
    const out: Record<string, unknown> = { ...chosen };
    if (fam !== undefined) out['family'] = fam;
    if (spec.name === 'bitmap:port') out['range'] = [1000, 60_000];
    else if (spec.kind === 'bitmap')
      out['range'] = out['netmask'] === undefined ? '10.7.0.0/16' : '10.0.0.0/8';
    if (spec.name === 'bitmap:ip' && out['netmask'] !== undefined) {
      out['netmask'] = 12 + (Number(out['netmask']) % 13);
    }
    // The two exclude each other, and a mask is of the family.
    if (out['netmask'] !== undefined && out['bitmask'] !== undefined) {
      out[mask ? 'netmask' : 'bitmask'] = undefined;
    }
    if (fam === 'inet6' && out['bitmask'] !== undefined) out['bitmask'] = 'ffff:ffff:ffff:ffff::ff00';
    if (fam === 'inet6' && out['netmask'] !== undefined) out['netmask'] = 4 * Number(out['netmask']);
    return out;
  });
}

const isZero = (text: string): boolean => /^(?:0\.0\.0\.0|::)(?:\/\d+)?$/.test(text);

/** The address, or the network's, behind the set's netmask or bitmask. */
function masked(text: string, options: CreateOptions): string {
  const address = tryParseAddress(text);
  if (address === undefined) return text;
  const { netmask, bitmask } = options;
  let { bytes } = address;
  if (netmask !== undefined) bytes = maskBytes(bytes, netmask);
  const mask = bitmask === undefined ? undefined : tryParseAddress(bitmask)?.bytes;
  if (mask !== undefined) bytes = bytes.map((byte, i) => byte & (mask[i] ?? 0));
  return formatAddress(bytes, address.family);
}

/** Bring a random entry to where the set can hold it; undefined for what no set of the type holds. */
function fitting(spec: SetTypeSpec, options: CreateOptions, entry: object, i: number): object | undefined {
  const out: Record<string, unknown> = { ...entry };
  if (spec.kind === 'bitmap' && typeof out['ip'] === 'string') {
    const [, , c, d] = out['ip'].split('.');
    out['ip'] = `10.7.${String(c)}.${String(d)}`;
  }
  if (spec.name === 'bitmap:port') out['port'] = 1000 + (Number(out['port']) % 59_001);
  if (typeof out['iface'] === 'string') out['iface'] = IFACES[i % IFACES.length];
  if (typeof out['set'] === 'string') out['set'] = MEMBERS[i % MEMBERS.length];
  for (const key of ['ip', 'net', 'net2', 'ip2']) {
    const address = out[key];
    if (typeof address !== 'string') continue;
    // hash:net,net masks its networks too, which makes them other networks: it is sampled with hosts then.
    const { netmask, bitmask } = options;
    const masks = netmask !== undefined || bitmask !== undefined;
    if (masks && spec.name === 'hash:net,net') out[key] = address.replace(/\/.*/, '');
    const kept = masked(String(out[key]), key === 'ip2' ? {} : options);
    const zero = spec.zeroPrefix ? false : isZero(kept);
    // The tool writes addresses with a long run of leading zeros its own way.
    if (zero || /^::[0-9a-f]/.test(kept) || /^::[0-9a-f]/.test(String(out[key]))) return undefined;
    if (spec.zeroPrefix && isZero(kept) && !kept.endsWith('/0')) return undefined;
  }
  if (out['mac'] === '00:00:00:00:00:00') return undefined;
  return out;
}

/** What a listing shows of an entry: the set's masks, defaults and options applied. */
function shown(options: CreateOptions, entry: object): Record<string, unknown> {
  const out: Record<string, unknown> = { ...entry };
  for (const key of ['ip', 'net', 'net2']) {
    const address = out[key];
    if (typeof address === 'string' && !address.includes('/')) out[key] = masked(address, options);
  }
  if (options.markMask !== undefined) out['mark'] = (Number(out['mark']) & options.markMask) >>> 0;
  if (options.timeout !== undefined) out['timeout'] ??= options.timeout;
  if (options.counters === true) {
    out['packets'] ??= 0;
    out['bytes'] ??= 0;
  }
  if (out['skbmark'] === '0x0/0x0') delete out['skbmark'];
  if (out['skbprio'] === '0:0') delete out['skbprio'];
  if (out['skbqueue'] === 0) delete out['skbqueue'];
  return out;
}

const CARRIED: Readonly<Record<string, CreateOptionName>> = {
  timeout: 'timeout',
  packets: 'counters',
  bytes: 'counters',
  comment: 'comment',
  skbmark: 'skbinfo',
  skbprio: 'skbinfo',
  skbqueue: 'skbinfo',
};

/** A random set of a type with random options and entries, that a kernel with these revisions can hold. */
export function sampleSet(type: SetType, revision: number): fc.Arbitrary<Omit<SampleSet, 'name'>> {
  const spec = SET_TYPES[type];
  return createOptions(spec, revision).chain((options) => {
    const family: Family = options.family ?? 'inet';
    const one = fc.tuple(entryKeys(type, family), entryOptions);
    return fc.array(one, { minLength: 1, maxLength: 6 }).map((drawn) => {
      const entries: object[] = [];
      const texts: string[] = [];
      const seen = new Set<string>();
      for (const [i, [keys, more]] of drawn.entries()) {
        const carried = Object.fromEntries(
          Object.entries(more).filter(([key]) => options[CARRIED[key] ?? 'family'] !== undefined),
        );
        if (Number(carried['timeout']) > 0)
          carried['timeout'] = 100_000 + (Number(carried['timeout']) % 2_000_000);
        const entry = fitting(spec, options, { ...keys, ...carried }, i);
        if (entry === undefined) continue;
        const expected = shown(options, entry);
        if (spec.parts.includes('ip') && typeof expected['ip'] === 'string' && isZero(expected['ip']))
          continue;
        const text = canonicalEntry(type, expected as never, family);
        // What tells elements apart; of an address in a bitmap only one hardware address can be known.
        const key = entryKey(text).replace(/ .*/, '').replace('physdev:', '');
        const identity = type === 'bitmap:ip,mac' ? key.replace(/,.*/, '') : key;
        if (seen.has(identity)) continue;
        seen.add(identity);
        entries.push(entry);
        texts.push(text);
      }
      return { type, options, entries, texts: spec.kind === 'list' ? texts : texts.sort() };
    });
  });
}
