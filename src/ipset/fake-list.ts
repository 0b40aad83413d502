import { EntryParts, SetEntry } from '../native/records.js';
import { IpsetErr } from './errors.js';
import {
  FakeRequest,
  extensionsOf,
  isExpired,
  lackingExtension,
  listedRecord,
  type FakeExtensions,
  type FakeSetParameters,
} from './fake-element.js';
import { LITTLE_ENDIAN, type Slot } from './fake-records.js';
import type { FakeContents } from './fake-set.js';
import type { TextHeap } from './heap.js';
import { EntryFlags } from './layout.js';

const NAME = 4352;
const LOOP = 4353;
const BEFORE = 4354;
const NAMEREF = 4355;
const REF_EXIST = 4357;

interface Member extends FakeExtensions {
  readonly slot: Slot;
}

/** An element of a request: the set, and where it is to stand. */
interface Wanted {
  readonly request: FakeRequest;
  readonly slot: Slot;
  readonly place: 'before' | 'after' | undefined;
  readonly reference: Slot | undefined;
}

/** A `list:set` that answers as the kernel's does (net/netfilter/ipset/ip_set_list_set.c). */
export class FakeList implements FakeContents {
  readonly parameters: FakeSetParameters;
  readonly #slots: ReadonlyMap<string, Slot>;
  #members: Member[] = [];

  /** @param slots the sets of the namespace by name */
  constructor(parameters: FakeSetParameters, slots: ReadonlyMap<string, Slot>) {
    this.parameters = parameters;
    this.#slots = slots;
  }

  get size(): number {
    this.#collect();
    return this.#members.length;
  }

  /** Whether the set behind a name is one of the members: such a set cannot be destroyed. */
  holds(slot: Slot): boolean {
    this.#collect();
    return this.#members.some((member) => member.slot === slot);
  }

  add(record: Uint8Array, heap: Uint8Array, exist: boolean): number {
    const wanted = this.#parse(record, heap);
    if (typeof wanted === 'number') return wanted;
    const { slot, place, reference, request } = wanted;
    const at = this.#members.findIndex((member) => member.slot === slot);
    const next = this.#members.findIndex((member) => member.slot === reference);
    if (place !== undefined && next < 0) return REF_EXIST;
    if (at >= 0) {
      if (!exist) return IpsetErr.exist;
      const old = this.#members[at];
      this.#members[at] = { slot, ...extensionsOf(request, this.parameters, old) };
      return 0;
    }
    const index = place === undefined ? this.#members.length : place === 'before' ? next : next + 1;
    this.#members.splice(index, 0, { slot, ...extensionsOf(request, this.parameters) });
    return 0;
  }

  delete(record: Uint8Array, heap: Uint8Array, exist: boolean): number {
    const wanted = this.#parse(record, heap);
    if (typeof wanted === 'number') return wanted;
    const at = this.#members.findIndex((member) => member.slot === wanted.slot);
    if (at < 0 && wanted.place === undefined) return exist ? 0 : IpsetErr.exist;
    if (at < 0 || !this.#stands(at, wanted)) return REF_EXIST;
    this.#members.splice(at, 1);
    return 0;
  }

  test(record: Uint8Array, heap: Uint8Array): number {
    const wanted = this.#parse(record, heap);
    if (typeof wanted === 'number') return IpsetErr.exist;
    const at = this.#members.findIndex((member) => member.slot === wanted.slot);
    return at >= 0 && this.#stands(at, wanted) ? 0 : IpsetErr.exist;
  }

  flush(): void {
    this.#members = [];
  }

  list(heap: TextHeap): Uint8Array[] {
    this.#collect();
    return this.#members.map((member) => {
      const key = new Uint8Array(SetEntry.size);
      new DataView(key.buffer).setUint32(SetEntry.parts, EntryParts.entryName, LITTLE_ENDIAN);
      const name = { text: member.slot.name, part: EntryParts.entryName };
      return listedRecord(key, name, member, this.parameters, heap);
    });
  }

  #collect(): void {
    this.#members = this.#members.filter((member) => !isExpired(member));
  }

  #stands(at: number, { place, reference }: Wanted): boolean {
    if (place === undefined) return true;
    return this.#members[place === 'before' ? at + 1 : at - 1]?.slot === reference;
  }

  #parse(record: Uint8Array, heap: Uint8Array): Wanted | number {
    this.#collect();
    const request = new FakeRequest(record, heap);
    if (!request.has(EntryParts.entryName)) return IpsetErr.protocol;
    const lacking = lackingExtension(request, this.parameters);
    if (lacking !== 0) return lacking;
    const slot = this.#slots.get(request.name());
    if (slot === undefined) return NAME;
    if (slot.set.parameters.type === 'list:set') return LOOP;
    const before = (request.flags & EntryFlags.before) !== 0;
    const referred = request.has(EntryParts.entryNameRef);
    if (before && !referred) return BEFORE;
    const reference = referred ? this.#slots.get(request.reference()) : undefined;
    if (referred && reference === undefined) return NAMEREF;
    return { request, slot, reference, place: !referred ? undefined : before ? 'before' : 'after' };
  }
}
