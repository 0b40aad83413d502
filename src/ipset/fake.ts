import { ClosedError } from '../errors.js';
import { Failure, SetCommand, SetEntry, SetHeader, SetOptions } from '../native/records.js';
import type {
  CallOptions,
  Channel,
  ChannelCounters,
  DumpRequest,
  Reply,
  RunRequest,
} from '../netlink/types.js';
import { familyOf } from '../net/address.js';
import { Cmd, ListFlags } from './command.js';
import { IpsetErr } from './errors.js';
import {
  LITTLE_ENDIAN,
  briefHeader,
  concat,
  REVISIONS,
  makeReply,
  nameOnly,
  protocolAnswer,
  readCommand,
  setHeader,
  typeAnswer,
  type CommandRecord,
  type FakeFailure,
  type Slot,
} from './fake-records.js';
import { isSame, parametersOf } from './fake-create.js';
import { FakeList } from './fake-list.js';
import { FakeSet, textsOf } from './fake-set.js';
import { unpackHeaders } from './header.js';
import { TextHeap } from './heap.js';
import { formatSave } from './save.js';
import { SET_TYPES, isSetType, type EntryPart } from './set-types.js';
import type { SetType } from './types.js';

const ENOENT = 2;
const EEXIST = 17;
const EPERM = 1;
const EOPNOTSUPP = 95;
const EINVAL = 22;

const NO_HEAP = new Uint8Array(0);

/** What swap compares: sets with the same matching parts can take each other's place. */
function featuresOf(type: SetType): string {
  const { parts, flags } = SET_TYPES[type];
  return [
    ...new Set(parts.map((part) => FEATURE[part])),
    ...(flags.includes('nomatch') ? ['nomatch'] : []),
  ].join();
}
const FEATURE: Readonly<Record<EntryPart, string>> = {
  ip: 'ip',
  host: 'ip',
  net: 'ip',
  protocolPort: 'port',
  port: 'port',
  ip2: 'ip2',
  net2: 'ip2',
  mac: 'mac',
  optionalMac: 'mac',
  mark: 'mark',
  iface: 'iface',
  set: 'name',
};

/** Options of {@link fakeIpsetChannel}. */
export interface FakeIpsetOptions {
  /** Does a firewall rule refer to the set of this name? It counts as one reference. Default: none does. */
  readonly usedByRules?: (name: string) => boolean;
}

/** Lists come behind what they hold in the kernel's listings. */
function last({ set }: Slot): number {
  return set.parameters.type === 'list:set' ? 1 : 0;
}

/** An answer that the fake gives instead of doing what was asked. */
export interface FakeIpsetFault {
  /** Number that the kernel would answer: `-12`, `-4100`; or `overrun`: the request is carried out, but its reply is lost. */
  readonly code: number | 'overrun';
  /** Only requests of this command; all when absent. `list` are dumps. */
  readonly command?: keyof typeof Cmd;
  /** Only requests about this set. */
  readonly set?: string;
  /** Only this record of a run of entries, counted from 0. */
  readonly index?: number;
  /** How many requests it answers; 1 when absent. */
  readonly times?: number;
}

/** A fake channel, with what only a test can want. */
export interface FakeIpsetChannel extends Channel {
  /** All sets in the form of `ipset save`, names and entries sorted. Empty text for none. */
  dump(): string;
  dump(request: DumpRequest, options?: CallOptions): Promise<Reply>;
  /** Is there a set of this name? */
  has(name: string): boolean;
  /** Answer coming requests that it fits with a fault. */
  inject(fault: FakeIpsetFault): void;
  /** Pretend that so many firewall rules refer to the set. @throws Error when there is no such set */
  setReferences(name: string, count: number): void;
  /** Pretend that the kernel has no such set type. */
  removeType(type: SetType): void;
  /** Without it every request is refused as to a process without CAP_NET_ADMIN. Default true. */
  privileged: boolean;
  /** Protocol versions that it speaks. Default 7 and 6. */
  versions: { max: number; min: number };
}

/**
 * ip_set in memory, at the level of the records that cross to C++: the same numbers in the same order of checks as the kernel's
 * (test/contract runs one suite on both). Everything above the seam runs unchanged on it.
 */
export function fakeIpsetChannel(options: FakeIpsetOptions = {}): FakeIpsetChannel {
  return new FakeChannel(options.usedByRules ?? (() => false));
}

class FakeChannel implements FakeIpsetChannel {
  readonly subsystem = 'ipset';
  privileged = true;
  versions = { max: 7, min: 6 };
  readonly #slots = new Map<string, Slot>();
  readonly #missingTypes = new Set<SetType>();
  readonly #counters = {
    sends: 0,
    receives: 0,
    messages: 0,
    bytesSent: 0,
    bytesReceived: 0,
    dumps: 0,
    overruns: 0,
  };
  readonly #usedByRules: (name: string) => boolean;
  #faults: { fault: FakeIpsetFault; left: number }[] = [];
  #nextIndex = 0;
  #closed = false;

  constructor(usedByRules: (name: string) => boolean) {
    this.#usedByRules = usedByRules;
  }

  // --------------------------------------------------------------------------------------------------------- for tests

  has(name: string): boolean {
    return this.#slots.has(name);
  }

  inject(fault: FakeIpsetFault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  setReferences(name: string, count: number): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) throw new Error(`the fake has no set ${name}`);
    slot.references = count;
  }

  removeType(type: SetType): void {
    this.#missingTypes.add(type);
  }

  #text(): string {
    const slots = [...this.#slots.values()].sort((a, b) => last(a) - last(b) || (a.name < b.name ? -1 : 1));
    return formatSave(
      slots.flatMap((slot) => {
        const [raw] = unpackHeaders(setHeader(slot, 0, { first: 0, count: 0 }));
        return raw?.header === undefined ? [] : [{ header: raw.header, entries: textsOf(slot.set) }];
      }),
    );
  }

  /** Who refers to a set: what a test pretends, rules, and lists that have it for a member. */
  #referencesTo(slot: Slot): number {
    const lists = [...this.#slots.values()].filter(({ set }) => set instanceof FakeList && set.holds(slot));
    return slot.references + lists.length + (this.#usedByRules(slot.name) ? 1 : 0);
  }

  // ----------------------------------------------------------------------------------------------------------- channel

  dump(): string;
  dump(request: DumpRequest, options?: CallOptions): Promise<Reply>;
  dump(request?: DumpRequest, options?: CallOptions): string | Promise<Reply> {
    return request === undefined ? this.#text() : this.#enter(options, () => this.#list(request.record));
  }

  run(request: RunRequest, options?: CallOptions): Promise<Reply> {
    return this.#enter(options, () => {
      const size = request.shape === 'SetEntry' ? SetEntry.size : SetCommand.size;
      const count = request.records.length / size;
      if (!Number.isInteger(count))
        throw new RangeError(`records are not a multiple of ${String(size)} bytes`);
      this.#counters.messages += count;
      this.#counters.bytesSent += request.records.length;
      return request.shape === 'SetEntry'
        ? this.#runEntries(request, count)
        : this.#runCommands(request, count);
    });
  }

  counters(): ChannelCounters {
    return { ...this.#counters, sockets: this.#closed ? 0 : 1 };
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  /** Requests are carried out in the order of the calls, as the real channel's queue does; the answer comes later. */
  async #enter(options: CallOptions | undefined, work: () => Reply): Promise<Reply> {
    if (this.#closed) throw new ClosedError('the ipset channel');
    options?.signal?.throwIfAborted();
    this.#counters.sends++;
    this.#counters.receives++;
    const reply = work();
    await Promise.resolve();
    return reply;
  }

  /** The fault for a request, used up by being asked for. */
  #fault(command: number, set: string, index?: number): FakeIpsetFault['code'] | undefined {
    const found = this.#faults.find(
      ({ fault }) =>
        (fault.command === undefined || Cmd[fault.command] === command) &&
        (fault.set === undefined || fault.set === set) &&
        (fault.index === undefined || fault.index === index),
    );
    if (found === undefined) return undefined;
    found.left--;
    this.#faults = this.#faults.filter(({ left }) => left > 0);
    return found.fault.code;
  }

  #speaks(version: number): boolean {
    // Kernels before 4.20 want exactly their version, later ones any from their minimum on.
    const { max, min } = this.versions;
    return max === min ? version === min : version >= min;
  }

  // ---------------------------------------------------------------------------------------------------------- listing

  #list(record: Uint8Array): Reply {
    this.#counters.dumps++;
    const command = readCommand(record, 0);
    const fault = this.#fault(Cmd.list, command.name);
    if (fault === 'overrun') return this.#overrun(makeReply({}), 0);
    if (fault !== undefined) return makeReply({ error: fault });
    if (!this.privileged) return makeReply({ error: -EPERM });
    if (!this.#speaks(command.protocol)) return makeReply({ error: -IpsetErr.protocol });
    const all = [...this.#slots.values()].sort((a, b) => last(a) - last(b));
    const slots = command.name === '' ? all : [this.#slots.get(command.name)];
    const headers: Uint8Array[] = [];
    const entries: Uint8Array[] = [];
    const heap = new TextHeap();
    for (const slot of slots) {
      if (slot === undefined) return makeReply({ error: -ENOENT });
      if (command.listFlags === ListFlags.namesOnly) {
        headers.push(nameOnly(slot));
        continue;
      }
      const listed = command.listFlags === ListFlags.everything ? slot.set.list(heap) : [];
      headers.push(
        setHeader(slot, this.#referencesTo(slot), { first: entries.length, count: listed.length }),
      );
      entries.push(...listed);
    }
    const reply = makeReply({
      SetHeader: concat(headers, SetHeader.size),
      SetEntry: concat(entries, SetEntry.size),
      heap: heap.bytes,
    });
    this.#counters.bytesReceived += reply.SetHeader?.length ?? 0;
    this.#counters.bytesReceived += reply.SetEntry?.length ?? 0;
    return reply;
  }

  // ---------------------------------------------------------------------------------------------------------- entries

  #runEntries(request: RunRequest, count: number): Reply {
    const head = readCommand(request.head ?? new Uint8Array(SetCommand.size), 0);
    const failures: FakeFailure[] = [];
    let lost: number | undefined;
    for (let index = 0; index < count; index++) {
      const entry = request.records.subarray(index * SetEntry.size, (index + 1) * SetEntry.size);
      const fault = this.#fault(head.command, head.name, index);
      if (fault === 'overrun') lost ??= index;
      const code = typeof fault === 'number' ? fault : -this.#entry(head, entry, request.heap ?? NO_HEAP);
      if (code === 0) continue;
      // A plain errno without a line number is about the set or the caller: nothing behind it is tried.
      const wholeMessage = code === -ENOENT || code === -EPERM;
      failures.push({ index, code, wholeMessage });
      if (wholeMessage || request.stopOnError === true) {
        const reply = makeReply({ failures, settled: index + 1, error: code === -EPERM ? code : 0 });
        return lost === undefined ? reply : this.#overrun(reply, lost);
      }
    }
    const reply = makeReply({ failures, settled: count });
    return lost === undefined ? reply : this.#overrun(reply, lost);
  }

  /** 0 or a positive code. */
  #entry(head: CommandRecord, entry: Uint8Array, heap: Uint8Array): number {
    if (!this.privileged) return EPERM;
    if (!this.#speaks(head.protocol) || head.name === '') return IpsetErr.protocol;
    const slot = this.#slots.get(head.name);
    if (slot === undefined) return ENOENT;
    switch (head.command) {
      case Cmd.add:
        return slot.set.add(entry, heap, head.exist);
      case Cmd.del:
        return slot.set.delete(entry, heap, head.exist);
      case Cmd.test:
        return slot.set.test(entry, heap);
      default:
        return IpsetErr.protocol;
    }
  }

  /** Everything was carried out, but what the kernel said from record `lost` on did not arrive. */
  #overrun(reply: Reply, lost: number): Reply {
    this.#counters.overruns++;
    const kept = Math.min(lost, reply.settled);
    const failures = reply.failures.slice();
    const view = new DataView(failures.buffer);
    let end = 0;
    while (end < failures.length && view.getUint32(end + Failure.index, LITTLE_ENDIAN) < kept)
      end += Failure.size;
    return { ...reply, settled: kept, overrun: true, failures: failures.slice(0, end) };
  }

  // --------------------------------------------------------------------------------------------------------- commands

  #runCommands(request: RunRequest, count: number): Reply {
    const failures: FakeFailure[] = [];
    const answers: Uint8Array[] = [];
    let lost: number | undefined;
    for (let index = 0; index < count; index++) {
      const command = readCommand(request.records, index * SetCommand.size);
      const fault = this.#fault(command.command, command.name, index);
      if (fault === 'overrun') lost ??= index;
      const code = typeof fault === 'number' ? fault : -this.#command(command, index, answers);
      if (code === 0) continue;
      failures.push({ index, code, wholeMessage: true });
      if (code === -EPERM || request.stopOnError === true) {
        return makeReply({ failures, settled: index + 1, error: code === -EPERM ? code : 0 });
      }
    }
    const SetHeaders = concat(answers, SetHeader.size);
    const reply = makeReply({ failures, settled: count, SetHeader: SetHeaders });
    return lost === undefined ? reply : this.#overrun(reply, lost);
  }

  /** 0 or a positive code; answers to questions are appended. */
  #command(command: CommandRecord, op: number, answers: Uint8Array[]): number {
    if (!this.privileged) return EPERM;
    if (command.command === Cmd.protocol) {
      answers.push(protocolAnswer(op, this.versions));
      return 0;
    }
    if (!this.#speaks(command.protocol)) return IpsetErr.protocol;
    switch (command.command) {
      case Cmd.create:
        return this.#create(command);
      case Cmd.destroy:
        return this.#destroy(command);
      case Cmd.flush:
        return this.#flush(command.name);
      case Cmd.rename:
        return this.#rename(command.name, command.name2);
      case Cmd.swap:
        return this.#swap(command.name, command.name2);
      case Cmd.type:
        return this.#type(command, op, answers);
      case Cmd.header:
      case Cmd.getByName:
        return this.#question(this.#slots.get(command.name), op, answers);
      case Cmd.getByIndex:
        return this.#question(
          [...this.#slots.values()].find(({ index }) => index === command.index),
          op,
          answers,
        );
      case 0:
        return EOPNOTSUPP;
      default:
        return EINVAL;
    }
  }

  #create(command: CommandRecord): number {
    const { name, name2: type, family, revision, options } = command;
    const wanted = SetOptions.setFamily | SetOptions.setRevision;
    if (name === '' || (options & wanted) !== wanted) return IpsetErr.protocol;
    if (!this.#offers(type, family) || revision > REVISIONS[type]) return IpsetErr.findType;
    const parameters = parametersOf(type, command);
    if (typeof parameters === 'number') return parameters;
    const there = this.#slots.get(name);
    if (there !== undefined) {
      return command.exist && isSame(there.set.parameters, parameters) ? 0 : EEXIST;
    }
    const set = type === 'list:set' ? new FakeList(parameters, this.#slots) : new FakeSet(parameters);
    this.#slots.set(name, { name, set, references: 0, index: this.#nextIndex++ });
    return 0;
  }

  #offers(type: string, family: number): type is SetType {
    if (!isSetType(type) || this.#missingTypes.has(type)) return false;
    const { families } = SET_TYPES[type];
    const word = familyOf(family);
    return families.length === 0 || (word !== undefined && families.includes(word));
  }

  #destroy({ name, exist }: CommandRecord): number {
    if (name === '') {
      if ([...this.#slots.values()].some((slot) => this.#referencesTo(slot) > 0)) return IpsetErr.busy;
      this.#slots.clear();
      return 0;
    }
    const slot = this.#slots.get(name);
    if (slot === undefined) return exist ? 0 : ENOENT;
    if (this.#referencesTo(slot) > 0) return IpsetErr.busy;
    this.#slots.delete(name);
    return 0;
  }

  #flush(name: string): number {
    const slots = name === '' ? [...this.#slots.values()] : [this.#slots.get(name)];
    for (const slot of slots) {
      if (slot === undefined) return ENOENT;
      slot.set.flush();
    }
    return 0;
  }

  #rename(from: string, to: string): number {
    if (from === '' || to === '') return IpsetErr.protocol;
    const slot = this.#slots.get(from);
    if (slot === undefined) return ENOENT;
    if (this.#referencesTo(slot) > 0) return IpsetErr.referenced;
    if (this.#slots.has(to)) return IpsetErr.existSetname2;
    this.#slots.delete(from);
    slot.name = to;
    this.#slots.set(to, slot);
    return 0;
  }

  #swap(a: string, b: string): number {
    if (a === '' || b === '') return IpsetErr.protocol;
    const first = this.#slots.get(a);
    if (first === undefined) return ENOENT;
    const second = this.#slots.get(b);
    if (second === undefined) return IpsetErr.existSetname2;
    const [x, y] = [first.set.parameters, second.set.parameters];
    if (featuresOf(x.type) !== featuresOf(y.type) || x.family !== y.family) return IpsetErr.typeMismatch;
    [first.set, second.set] = [second.set, first.set];
    return 0;
  }

  #type({ name2: type, family, options }: CommandRecord, op: number, answers: Uint8Array[]): number {
    if (type === '' || (options & SetOptions.setFamily) === 0) return IpsetErr.protocol;
    if (!this.#offers(type, family)) return IpsetErr.findType;
    answers.push(typeAnswer(op, type, family, REVISIONS[type]));
    return 0;
  }

  #question(slot: Slot | undefined, op: number, answers: Uint8Array[]): number {
    if (slot === undefined) return ENOENT;
    answers.push(briefHeader(slot, op));
    return 0;
  }
}
