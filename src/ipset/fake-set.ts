import { Buffer } from 'node:buffer';
import { EntryParts, SetEntry } from '../native/records.js';
import { familyOf } from '../net/address.js';
import { WithFlags } from './command.js';
import { IpsetErr } from './errors.js';
import {
  FakeRequest,
  extensionsOf,
  isExpired,
  listedRecord,
  setNomatch,
  type FakeElement,
  type FakeSetParameters,
} from './fake-element.js';
import { parseKeys } from './fake-parse.js';
import { LITTLE_ENDIAN } from './fake-records.js';
import { TextHeap } from './heap.js';
import { EntryFlags, entryTable, layoutOf, type EntryLayout } from './layout.js';
import { clearHostBits } from './pack.js';
import { entryText } from './unpack.js';

const HASH_FULL = 4352;
/** Elements of hash:net,iface with the same network (IPSET_MAX_NETS of ip_set_hash_netiface.c). */
const MOST_OF_A_NETWORK = 64;

/** The elements of a set in memory. Codes are positive here, 0 is success; −1 stands for the positive 1 that hash:ip,mac answers. */
export interface FakeContents {
  readonly parameters: FakeSetParameters;
  /** How many there are, without those that expired. */
  readonly size: number;
  add(record: Uint8Array, heap: Uint8Array, exist: boolean): number;
  delete(record: Uint8Array, heap: Uint8Array, exist: boolean): number;
  test(record: Uint8Array, heap: Uint8Array): number;
  flush(): void;
  /** As the kernel lists them; their texts go into the heap. */
  list(heap: TextHeap): Uint8Array[];
}

/** The elements as canonical text, sorted unless they have an order. */
export function textsOf(contents: FakeContents): string[] {
  const layout = layoutOf(contents.parameters.type, familyOf(contents.parameters.family));
  const heap = new TextHeap();
  const texts = contents.list(heap).map((record) => entryText(entryTable(record, heap), 0, layout));
  return layout.spec.kind === 'list' ? texts : texts.sort();
}

/** A hash or bitmap that answers as the kernel's does. */
export class FakeSet implements FakeContents {
  readonly parameters: FakeSetParameters;
  readonly #elements = new Map<string, FakeElement>();
  readonly #layout: EntryLayout;
  readonly #timed: boolean;

  constructor(parameters: FakeSetParameters) {
    this.parameters = parameters;
    this.#layout = layoutOf(parameters.type, familyOf(parameters.family));
    this.#timed = parameters.timeout !== undefined;
  }

  get size(): number {
    this.#collect();
    return this.#elements.size;
  }

  add(record: Uint8Array, heap: Uint8Array, exist: boolean): number {
    this.#collect();
    const request = new FakeRequest(record, heap);
    const keys = parseKeys(request, this.parameters, this.#layout);
    if (typeof keys === 'number') return keys;
    const name = this.#nameOf(request);
    for (const key of keys.all()) {
      const code = this.#addOne(request, key, name, exist);
      if (code !== 0) return code;
    }
    return 0;
  }

  delete(record: Uint8Array, heap: Uint8Array, exist: boolean): number {
    this.#collect();
    const request = new FakeRequest(record, heap);
    const keys = parseKeys(request, this.parameters, this.#layout);
    if (typeof keys === 'number') return keys;
    const name = this.#nameOf(request);
    for (const key of keys.all()) {
      const found = this.#find(key, name);
      if (found !== undefined) this.#elements.delete(found);
      else if (!exist) return IpsetErr.exist;
    }
    return 0;
  }

  /** Every refusal of an element is EXIST here, as in ip_set_utest, which takes a positive number for a match. */
  test(record: Uint8Array, heap: Uint8Array): number {
    this.#collect();
    const request = new FakeRequest(record, heap);
    const keys = parseKeys(request, this.parameters, this.#layout);
    if (keys === IpsetErr.protocol) return keys;
    if (typeof keys === 'number') return keys < 0 ? 0 : IpsetErr.exist;
    const found = this.#match(keys.first, this.#nameOf(request));
    if (found === undefined) return IpsetErr.exist;
    // With the flag the question is whether an exception covers it.
    const nomatch = this.#layout.spec.flags.includes('nomatch') && (request.flags & EntryFlags.nomatch) !== 0;
    return found.nomatch === nomatch ? 0 : IpsetErr.exist;
  }

  flush(): void {
    this.#elements.clear();
  }

  list(heap: TextHeap): Uint8Array[] {
    this.#collect();
    const part = EntryParts.entryIface;
    const bitmap = this.#layout.spec.kind === 'bitmap';
    const elements = [...this.#elements.values()];
    if (bitmap) elements.sort((a, b) => Buffer.compare(orderOf(a.record), orderOf(b.record)));
    return elements.map((element) => {
      const name = this.#named ? { text: element.name, part } : undefined;
      return listedRecord(element.record, name, element, this.parameters, heap);
    });
  }

  get #named(): boolean {
    return this.#layout.spec.parts.includes('iface');
  }

  #nameOf(request: FakeRequest): string {
    return this.#named ? request.name() : '';
  }

  /** Expired elements are not there for anybody. */
  #collect(): void {
    if (!this.#timed) return;
    for (const [key, element] of this.#elements) if (isExpired(element)) this.#elements.delete(key);
  }

  #addOne(request: FakeRequest, record: Uint8Array, name: string, exist: boolean): number {
    const id = this.#find(record, name);
    const old = id === undefined ? undefined : this.#elements.get(id);
    // Being there is found out before being full.
    if (old !== undefined && id !== undefined) return this.#addAgain(request, record, id, old, exist);
    if (this.#layout.spec.kind === 'hash') {
      if (this.#elements.size >= this.parameters.maxElem && !this.#evict()) return HASH_FULL;
      if (this.#named && this.#sameNetwork(record) >= MOST_OF_A_NETWORK) return HASH_FULL;
    }
    const nomatch = isNomatch(record);
    const element = { record, name, nomatch, ...extensionsOf(request, this.parameters) };
    this.#elements.set(this.#keyOf(record, name), element);
    return 0;
  }

  #addAgain(request: FakeRequest, record: Uint8Array, id: string, old: FakeElement, exist: boolean): number {
    if (this.parameters.type === 'bitmap:ip,mac') {
      // A hardware address fills one in that was left out; another one replaces it only when asked to.
      const fills = hasMac(record) && !hasMac(old.record);
      if (!exist && !fills) return IpsetErr.exist;
      const kept = hasMac(record) ? record : old.record;
      this.#elements.set(id, { ...old, record: kept, ...extensionsOf(request, this.parameters, old) });
      return 0;
    }
    if (!exist) return IpsetErr.exist;
    const nomatch = isNomatch(record);
    const kept = old.record.slice();
    setNomatch(kept, nomatch);
    this.#elements.set(id, { ...old, record: kept, nomatch, ...extensionsOf(request, this.parameters, old) });
    return 0;
  }

  /** With forceadd a full set gives an element away. The kernel takes one of the same bucket, if there is one. */
  #evict(): boolean {
    if ((this.parameters.cadtFlags & WithFlags.forceadd) === 0) return false;
    const [first] = this.#elements.keys();
    return first !== undefined && this.#elements.delete(first);
  }

  #sameNetwork(record: Uint8Array): number {
    const net = netOf(record);
    let count = 0;
    for (const element of this.#elements.values()) if (netOf(element.record) === net) count++;
    return count;
  }

  /** The key under which the element is stored that equals this one. */
  #find(record: Uint8Array, name: string): string | undefined {
    const key = this.#keyOf(record, name);
    if (this.#elements.has(key)) return key;
    if (!this.#named) return undefined;
    // A stored wildcard equals every name that begins with it.
    const net = netOf(record);
    for (const [id, element] of this.#elements) {
      if (netOf(element.record) === net && covers(element, record, name)) return id;
    }
    return undefined;
  }

  #keyOf(record: Uint8Array, name: string): string {
    const bytes = Buffer.from(record.buffer, record.byteOffset, SetEntry.size);
    if (this.parameters.type === 'bitmap:ip,mac')
      return bytes.toString('latin1', SetEntry.ip, SetEntry.ip + 4);
    const addresses = bytes.toString('latin1', SetEntry.proto, SetEntry.ipTo);
    const port = bytes.toString('latin1', SetEntry.port, SetEntry.port + 2);
    const markAndMac = bytes.toString('latin1', SetEntry.mark, SetEntry.mac + 6);
    return this.#named ? `${addresses}${String(isPhysdev(record))}${name}` : addresses + port + markAndMac;
  }

  /** The element that decides a test: for hosts in a set of networks the longest networks around them, else the same element. */
  #match(record: Uint8Array, name: string): FakeElement | undefined {
    const { full, spec } = this.#layout;
    const first = spec.parts.includes('net');
    const second = spec.parts.includes('net2');
    const hosts = (!first || record[SetEntry.cidr] === full) && (!second || record[SetEntry.cidr2] === full);
    if ((!first && !second) || !hosts) return this.#exact(record, name);
    const lowest = spec.zeroPrefix ? 0 : 1;
    for (let a = first ? full : lowest; a >= lowest; a--) {
      for (let b = second ? full : lowest; b >= lowest; b--) {
        const wider = record.slice();
        if (first) widen(wider, SetEntry.ip, SetEntry.cidr, a, full);
        if (second) widen(wider, SetEntry.ip2, SetEntry.cidr2, b, full);
        const found = this.#exact(wider, name);
        if (found !== undefined) return found;
        // The first network that is there at all decides, whatever its interfaces.
        if (this.#named && this.#sameNetwork(wider) > 0) return undefined;
        if (!second) break;
      }
      if (!first) break;
    }
    return undefined;
  }

  #exact(record: Uint8Array, name: string): FakeElement | undefined {
    const id = this.#find(record, name);
    const found = id === undefined ? undefined : this.#elements.get(id);
    if (found === undefined || this.parameters.type !== 'bitmap:ip,mac') return found;
    if (!hasMac(record) || !hasMac(found.record)) return found;
    return macOf(record) === macOf(found.record) ? found : undefined;
  }
}

function widen(record: Uint8Array, at: number, cidr: number, prefix: number, full: number): void {
  record[cidr] = prefix;
  clearHostBits(record, at, prefix, full);
}

function word(record: Uint8Array, offset: number): number {
  return new DataView(record.buffer, record.byteOffset).getUint32(offset, LITTLE_ENDIAN);
}

function isNomatch(record: Uint8Array): boolean {
  return (word(record, SetEntry.cadtFlags) & EntryFlags.nomatch) !== 0;
}

function isPhysdev(record: Uint8Array): boolean {
  return (word(record, SetEntry.cadtFlags) & EntryFlags.physdev) !== 0;
}

function hasMac(record: Uint8Array): boolean {
  return (word(record, SetEntry.parts) & EntryParts.entryMac) !== 0;
}

function macOf(record: Uint8Array): string {
  return Buffer.from(record.subarray(SetEntry.mac, SetEntry.mac + 6)).toString('latin1');
}

function netOf(record: Uint8Array): string {
  const cidr = String(record[SetEntry.cidr]);
  return Buffer.from(record.subarray(SetEntry.ip, SetEntry.ip + 16)).toString('latin1') + cidr;
}

function covers(stored: FakeElement, record: Uint8Array, name: string): boolean {
  const wildcard = (word(stored.record, SetEntry.cadtFlags) & EntryFlags.wildcard) !== 0;
  return isPhysdev(stored.record) === isPhysdev(record) && wildcard && name.startsWith(stored.name);
}

/** Addresses and ports in ascending order. */
function orderOf(record: Uint8Array): Uint8Array {
  const port = new DataView(record.buffer, record.byteOffset).getUint16(SetEntry.port, LITTLE_ENDIAN);
  return Uint8Array.from([...record.subarray(SetEntry.ip, SetEntry.ip + 4), port >> 8, port & 0xff]);
}
