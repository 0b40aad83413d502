import { ValidationError } from '../errors.js';
import { tryParseAddress, type Address } from '../net/address.js';
import { EntryParts, SetEntry } from '../native/records.js';
import type { CallOptions } from '../netlink/types.js';
import { EntryKeys } from './entry-keys.js';
import type { AnswerContext } from './errors.js';
import { EntryFlags, type EntryLayout, type EntryTable } from './layout.js';
import { list } from './listing.js';
import { listPages } from './pages.js';
import type { Session } from './session.js';
import { Slice } from './slice.js';
import type { SetHeader, SetType, WhichMatch } from './types.js';
import { entryObject, entryText } from './unpack.js';

/** Which sets hold an address, and by which entries; see Ipset.which. */
export async function which(
  session: Session,
  address: string,
  options: CallOptions & { readonly prefix?: string },
): Promise<WhichMatch[]> {
  const wanted = tryParseAddress(address);
  if (wanted === undefined) throw new ValidationError('address', 'an IPv4 or IPv6 address', address);
  const context: AnswerContext = { operation: 'ipset.which', target: address };
  const headers = await list(session, { depth: 'headersOnly' }, context, options);
  const sets = (headers?.headers ?? []).flatMap(({ header }) => (header === undefined ? [] : [header]));
  const named = sets.filter(({ name }) => name.startsWith(options.prefix ?? ''));
  const matches: WhichMatch[] = [];
  for (const header of named) {
    if (mayHold(header, wanted))
      matches.push(...(await matchesOf(session, header, wanted, context, options)));
  }
  const holders = new Set(matches.map(({ set }) => set));
  // A list needs its members, whatever their names are.
  for (const header of named.filter(({ type }) => type === 'list:set')) {
    for (const member of await membersOf(session, header.name, context, options)) {
      let holds = holders.has(member);
      const its = sets.find(({ name }) => name === member);
      if (!holds && its !== undefined && !named.includes(its) && mayHold(its, wanted)) {
        holds = (await matchesOf(session, its, wanted, context, options)).length > 0;
      }
      if (holds) matches.push({ set: header.name, type: 'list:set', entry: { set: member }, text: member });
    }
  }
  return matches.sort((a, b) => (a.set < b.set ? -1 : a.set > b.set ? 1 : 0));
}

/** The first part is an address or a network of the same family. */
function mayHold(header: SetHeader, address: Address): boolean {
  if (header.elements === 0) return false;
  if (header.type.startsWith('bitmap:ip')) return address.family === 'inet';
  return header.family === address.family;
}

interface Found {
  readonly table: EntryTable;
  readonly at: number;
  readonly prefix: number;
}

/**
 * The entries whose first part holds the address. Of those that differ in the length of their first network only, the longest decides, as
 * for a packet; when it is an exception, there is none.
 */
async function matchesOf(
  session: Session,
  header: SetHeader,
  address: Address,
  context: AnswerContext,
  options: CallOptions,
): Promise<WhichMatch[]> {
  const pages = await listPages(session, header.name, context, options);
  if (pages === undefined) return [];
  const { layout } = pages;
  const slice = new Slice();
  const holds = holder(header, layout, address);
  const longest = new Longest(layout);
  for (let page = pages.next(); page !== undefined; page = pages.next()) {
    for (let i = 0; i < page.count; i++) {
      const at = i * SetEntry.size;
      const prefix = holds(page.table, at);
      if (prefix >= 0) longest.take({ table: page.table, at, prefix });
      if ((i & 1023) === 1023 && slice.over) {
        await slice.rest();
        options.signal?.throwIfAborted();
      }
    }
  }
  return longest.found
    .filter(({ table, at }) => !isException(table, at))
    .map(({ table, at }) => ({
      set: header.name,
      type: header.type,
      entry: entryObject<SetType>(table, at, layout),
      text: entryText(table, at, layout),
    }));
}

function isException(table: EntryTable, at: number): boolean {
  const parts = table.u32[(at + SetEntry.parts) >> 2] ?? 0;
  const flags = table.u32[(at + SetEntry.cadtFlags) >> 2] ?? 0;
  return (parts & EntryParts.entryCadtFlags) !== 0 && (flags & EntryFlags.nomatch) !== 0;
}

/** Tells for a record the length of the prefix under which it holds the address, −1 when it does not. */
function holder(
  header: SetHeader,
  layout: EntryLayout,
  address: Address,
): (table: EntryTable, at: number) => number {
  const { full } = layout;
  const isNet = (layout.mask & EntryParts.entryCidr) !== 0;
  const mask = maskOf(header, full);
  const bytes = address.bytes.map((byte, i) => byte & (mask[i] ?? 255));
  return (table, at) => {
    const parts = table.u32[(at + SetEntry.parts) >> 2] ?? 0;
    const prefix =
      isNet && (parts & EntryParts.entryCidr) !== 0 ? (table.bytes[at + SetEntry.cidr] ?? 0) : full;
    for (let i = 0; 8 * i < prefix; i++) {
      const bits = Math.min(8, prefix - 8 * i);
      const differs = ((bytes[i] ?? 0) ^ (table.bytes[at + SetEntry.ip + i] ?? 0)) & (0xff00 >> bits) & 0xff;
      if (differs !== 0) return -1;
    }
    return prefix;
  };
}

/** What the set looks at of an address. */
function maskOf({ netmask, bitmask }: SetHeader, full: number): Uint8Array {
  const given = bitmask === undefined ? undefined : tryParseAddress(bitmask);
  if (given !== undefined) return given.bytes;
  const length = netmask ?? full;
  return Uint8Array.from(
    { length: full / 8 },
    (_, i) => (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))) & 0xff,
  );
}

/** What was found: of entries that differ in the length of their first network only, the longest. */
class Longest {
  readonly found: Found[] = [];
  readonly #keys: EntryKeys;
  readonly #byRest = new Map<number, number[]>();

  constructor(layout: EntryLayout) {
    const first = EntryParts.entryIp | EntryParts.entryCidr;
    this.#keys = new EntryKeys({ ...layout, mask: layout.mask & ~first });
  }

  take(one: Found): void {
    const hash = this.#keys.hash(one.table, one.at);
    const same = this.#byRest.get(hash) ?? [];
    this.#byRest.set(hash, same);
    for (const index of same) {
      const other = this.found[index];
      if (other === undefined || !this.#keys.equal(other.table, other.at, one.table, one.at)) continue;
      if (one.prefix > other.prefix) this.found[index] = one;
      return;
    }
    same.push(this.found.push(one) - 1);
  }
}

async function membersOf(
  session: Session,
  name: string,
  context: AnswerContext,
  options: CallOptions,
): Promise<string[]> {
  const pages = await listPages(session, name, context, options);
  const members: string[] = [];
  if (pages === undefined) return members;
  for (let page = pages.next(); page !== undefined; page = pages.next()) {
    for (let i = 0; i < page.count; i++) {
      members.push(entryObject<'list:set'>(page.table, i * SetEntry.size, pages.layout).set);
    }
  }
  return members;
}
