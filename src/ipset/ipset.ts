import { SetTypeMismatchError, UnsupportedError, ValidationError, isAlreadyExists, show } from '../errors.js';
import { contents } from './contents.js';
import { NO_COUNTERS } from '../netlink/counters.js';
import type { CallOptions, Channel, ChannelCounters } from '../netlink/types.js';
import { Cmd, packCommand, type CommandFields } from './command.js';
import { IpsetErr, ipsetError, mismatchError, type AnswerContext } from './errors.js';
import { refusalAt, refusalCount } from './failure.js';
import { familyNumber, unpackHeaders, type RawHeader } from './header.js';
import { EntryList, list } from './listing.js';
import { existingName, newName } from './names.js';
import type { EntryTable } from './layout.js';
import { checkOptions, setType, type CheckedOptions } from './options.js';
import { differingParameters } from './parameters.js';
import { createFilled, isRepeatable, rebuild, replaceEntries } from './replace.js';
import { chooseRevision, createFields, type CreateRequest } from './create.js';
import type { Family } from '../net/address.js';
import { integerIn } from '../net/number.js';
import { refusalError, Session, type Versions } from './session.js';
import { SetHandle, type SetVerbs } from './set.js';
import { SET_TYPES, type SetTypeSpec } from './set-types.js';
import type {
  BulkInput,
  CreateOptionName,
  CreateOptions,
  EnsureOptions,
  EnsureResult,
  Ipset,
  IPSet,
  ReplaceSetOptions,
  ReplaceSetResult,
  RevisionOption,
  SetHeader,
  ContentsOptions,
  SetContents,
  SetSnapshot,
  SetType,
  WhichMatch,
} from './types.js';
import { which } from './which.js';

/**
 * The sets behind a channel: the kernel's or a fake's.
 * @param channel opens it on the first call and gives the same one afterwards
 */
export function createIpset(channel: () => Promise<Channel>): Ipset {
  return new IpsetClient(new Session(channel));
}

class IpsetClient implements Ipset {
  readonly #session: Session;
  readonly #verbs: SetVerbs;

  constructor(session: Session) {
    this.#session = session;
    this.#verbs = {
      flush: (name, options) => this.flush(name, options),
      destroy: (name, options) => this.destroy(name, options),
      create: (name, type, options) => this.create(name, type, options),
      names: (options) => this.names(options),
      swap: (a, b, options) => this.swap(a, b, options),
      rename: (from, to, options) => this.rename(from, to, options),
    };
  }

  async protocol(options?: CallOptions): Promise<{ readonly current: number; readonly minimum: number }> {
    const { max, min } = await this.#session.versions({ operation: 'ipset.protocol' }, options);
    return { current: max, minimum: min };
  }

  async types(
    options?: CallOptions,
  ): Promise<Readonly<Record<SetType, { readonly min: number; readonly max: number } | undefined>>> {
    const context: AnswerContext = { operation: 'ipset.types' };
    const protocol = await this.#session.protocol(context, options);
    const specs = Object.values(SET_TYPES);
    const channel = await this.#session.channel();
    const reply = await channel.run(
      { shape: 'SetCommand', records: joined(specs.map((spec) => typeQuestion(spec, protocol))) },
      options,
    );
    for (let n = 0; n < refusalCount(reply); n++) {
      const refusal = refusalAt(reply, n);
      if (refusal !== undefined && refusal.code !== -IpsetErr.findType) throw refusalError(refusal, context);
    }
    if (reply.error !== 0) throw ipsetError(reply.error, context);
    if (reply.settled < specs.length) throw ipsetError(-105, context);
    const found = Object.fromEntries(specs.map(({ name }) => [name, undefined])) as Record<
      SetType,
      Versions | undefined
    >;
    for (const answer of unpackHeaders(reply.SetHeader ?? new Uint8Array())) {
      const spec = specs[answer.op];
      if (spec !== undefined) found[spec.name] = { min: answer.revisionMin, max: answer.revision };
    }
    return found;
  }

  async create<T extends SetType>(
    name: string,
    type: T,
    options: CreateOptions<T> & RevisionOption & CallOptions = {},
  ): Promise<IPSet<T>> {
    const request = this.#request(name, type, options);
    return this.#create(request, type, 'ipset.create', options);
  }

  async ensure<T extends SetType>(
    name: string,
    type: T,
    options: EnsureOptions<T> = {},
  ): Promise<EnsureResult<T>> {
    const { onMismatch = 'throw', ...asked } = options;
    oneOf(onMismatch, ['throw', 'rebuild'], 'options.onMismatch');
    const request = this.#request<T>(name, type, asked);
    // The set may come or go between the two questions; a few rounds settle any race that is not a fight.
    for (let round = 0; ; round++) {
      const header = await this.#header(name, 'ipset.ensure', options);
      if (header !== undefined) {
        const set = this.#sameKind(header, type, request, 'ipset.ensure');
        const parameters = parametersOf<T>(asked);
        const differing = differingParameters(set.header, parameters);
        if (differing.length === 0) return { set, created: false, rebuilt: false };
        if (onMismatch === 'throw') throw differs(set.header, request.options, differing);
        await rebuild<T>({ session: this.#session, sets: this.#verbs, name, type }, parameters, options);
        const now = await this.#header(name, 'ipset.ensure', options);
        if (now !== undefined) {
          return { set: this.#sameKind(now, type, request, 'ipset.ensure'), created: false, rebuilt: true };
        }
      }
      try {
        const set = await this.#create(request, type, 'ipset.ensure', options);
        return { set, created: true, rebuilt: false };
      } catch (err) {
        if (!isAlreadyExists(err) || round === 3) throw err;
      }
    }
  }

  async replace<T extends SetType>(
    name: string,
    type: T,
    entries: BulkInput<T>,
    options: ReplaceSetOptions<T> = {},
  ): Promise<ReplaceSetResult<T>> {
    const { strategy, signal, ...asked } = options;
    const request = this.#request<T>(name, type, asked);
    const target = { session: this.#session, sets: this.#verbs, name, type };
    const call = signal === undefined ? {} : { signal };
    const parameters = parametersOf<T>(asked);
    for (let round = 0; ; round++) {
      const there = await this.get(name, type, call);
      if (there !== undefined) {
        const how = { ...call, parameters, ...(strategy === undefined ? {} : { strategy }) };
        const result = await replaceEntries<T>(target, entries, how);
        return { ...result, created: false, set: (await this.get(name, type, call)) ?? there };
      }
      try {
        const added = await createFilled<T>(target, entries, parameters, request.options.family, call);
        const set = await this.get(name, type, call);
        if (set === undefined) throw ipsetError(-2, { operation: 'ipset.replace', target: `set ${name}` });
        return { set, created: true, added, removed: 0, kept: 0, updated: 0, way: 'swap' };
      } catch (err) {
        // What can be read once cannot be read again.
        if (!isAlreadyExists(err) || round === 3 || !isRepeatable(entries)) throw err;
      }
    }
  }

  async get<T extends SetType = SetType>(
    name: string,
    type?: T,
    options?: CallOptions,
  ): Promise<IPSet<T> | undefined> {
    existingName(name, 'name');
    if (type !== undefined) setType(type, 'type');
    const raw = await this.#header(name, 'ipset.get', options);
    if (raw === undefined) return undefined;
    if (type !== undefined && raw.type !== type) throw mismatchError('ipset.get', name, raw.type, type);
    return this.#handle<T>(spoken(raw, 'ipset.get'));
  }

  async header(name: string, options?: CallOptions): Promise<SetHeader | undefined> {
    existingName(name, 'name');
    const raw = await this.#header(name, 'ipset.header', options);
    return raw === undefined ? undefined : spoken(raw, 'ipset.header');
  }

  async byName(name: string, options?: CallOptions): Promise<number | undefined> {
    existingName(name, 'name');
    const context: AnswerContext = { operation: 'ipset.byName', target: `set ${name}` };
    return (await this.#lookUp({ command: Cmd.getByName, name }, context, options))?.index;
  }

  async byIndex(index: number, options?: CallOptions): Promise<string | undefined> {
    integerIn(index, 0, 0xfffe, 'index');
    const context: AnswerContext = { operation: 'ipset.byIndex', target: `set with index ${String(index)}` };
    return (await this.#lookUp({ command: Cmd.getByIndex, index }, context, options))?.name;
  }

  async names(options: CallOptions & { readonly prefix?: string } = {}): Promise<string[]> {
    const prefix = prefixOf(options.prefix);
    const context: AnswerContext = { operation: 'ipset.names' };
    const listing = await list(this.#session, { depth: 'namesOnly' }, context, options);
    const names = (listing?.headers ?? []).map(({ name }) => name);
    return names.filter((name) => name.startsWith(prefix)).sort();
  }

  async list(options: CallOptions & { readonly prefix?: string } = {}): Promise<IPSet[]> {
    const context: AnswerContext = { operation: 'ipset.list' };
    const listing = await list(this.#session, { depth: 'headersOnly' }, context, options);
    return known(listing?.headers ?? [], options.prefix).map(({ header }) => this.#handle(header));
  }

  async snapshot(options: CallOptions & { readonly prefix?: string } = {}): Promise<SetSnapshot[]> {
    const context: AnswerContext = { operation: 'ipset.snapshot' };
    if (options.prefix === undefined) {
      const all = await list(this.#session, { depth: 'everything' }, context, options);
      return all === undefined ? [] : snapshots(known(all.headers), all.table, options);
    }
    // With a prefix the other sets, which may be huge, are not read.
    const out: SetSnapshot[] = [];
    const names = await list(this.#session, { depth: 'headersOnly' }, context, options);
    for (const { header } of known(names?.headers ?? [], options.prefix)) {
      const one = await list(this.#session, { name: header.name, depth: 'everything' }, context, options);
      if (one !== undefined) out.push(...(await snapshots(known(one.headers), one.table, options)));
    }
    return out;
  }

  contents(options?: CallOptions & ContentsOptions): Promise<SetContents[]> {
    return contents(this.#session, options);
  }

  which(address: string, options: CallOptions & { readonly prefix?: string } = {}): Promise<WhichMatch[]> {
    prefixOf(options.prefix);
    return which(this.#session, address, options);
  }

  async destroy(name: string, options: CallOptions & { readonly ifExists?: boolean } = {}): Promise<boolean> {
    existingName(name, 'name');
    const context: AnswerContext = { operation: 'ipset.destroy', target: `set ${name}` };
    const { refusal } = await this.#session.tryCommand({ command: Cmd.destroy, name }, context, options);
    if (refusal === undefined) return true;
    if (refusal.code === -2 && options.ifExists === true) return false;
    throw refusalError(refusal, context);
  }

  async destroyAll(options?: CallOptions): Promise<void> {
    await this.#session.command({ command: Cmd.destroy }, { operation: 'ipset.destroyAll' }, options);
  }

  async flush(name: string, options?: CallOptions): Promise<void> {
    existingName(name, 'name');
    const context: AnswerContext = { operation: 'ipset.flush', target: `set ${name}` };
    await this.#session.command({ command: Cmd.flush, name }, context, options);
  }

  async flushAll(options?: CallOptions): Promise<void> {
    await this.#session.command({ command: Cmd.flush }, { operation: 'ipset.flushAll' }, options);
  }

  async rename(from: string, to: string, options?: CallOptions): Promise<void> {
    existingName(from, 'from');
    newName(to, 'to');
    const context: AnswerContext = { operation: 'ipset.rename', target: `set ${from} to ${to}` };
    await this.#session.command({ command: Cmd.rename, name: from, name2: to }, context, options);
  }

  async swap(a: string, b: string, options?: CallOptions): Promise<void> {
    existingName(a, 'a');
    existingName(b, 'b');
    const context: AnswerContext = { operation: 'ipset.swap', target: `sets ${a} and ${b}` };
    await this.#session.command({ command: Cmd.swap, name: a, name2: b }, context, options);
  }

  counters(): ChannelCounters {
    return this.#session.opened?.counters() ?? NO_COUNTERS;
  }

  // ------------------------------------------------------------------------------------------------------------ creating

  #request<T extends SetType>(name: string, type: T, options: CreateOptions<T>): CreateRequest {
    newName(name, 'name');
    const spec = setType(type, 'type');
    return { name, spec, options: checkOptions(spec, options) };
  }

  async #create<T extends SetType>(
    request: CreateRequest,
    type: T,
    operation: string,
    options: CallOptions,
  ): Promise<IPSet<T>> {
    const { name, spec } = request;
    const context: AnswerContext = { operation, target: `set ${name} of ${spec.name}`, type: spec.name };
    const { family } = request.options;
    const revisions = await this.#session.revisions(spec, family, context, options);
    const revision = chooseRevision(request, revisions, context);
    await this.#session.command(createFields(request, revision), context, options);
    const header = await this.#header(name, operation, options);
    if (header === undefined) throw ipsetError(-2, context);
    return this.#sameKind(header, type, request, operation);
  }

  /** What is there under the name, when its type, family and range are those that were asked for. */
  #sameKind<T extends SetType>(raw: RawHeader, type: T, request: CreateRequest, operation: string): IPSet<T> {
    const wanted = describe(type, request.options);
    const has = raw.header === undefined ? raw.type : describe(raw.header.type, raw.header);
    if (has !== wanted) throw mismatchError(operation, request.name, has, wanted);
    return this.#handle<T>(spoken(raw, operation));
  }

  async #header(name: string, operation: string, options?: CallOptions): Promise<RawHeader | undefined> {
    const context: AnswerContext = { operation, target: `set ${name}` };
    const listing = await list(this.#session, { name, depth: 'headersOnly' }, context, options);
    return listing?.headers[0];
  }

  /** Ask GET_BYNAME or GET_BYINDEX, which came with protocol 7. */
  async #lookUp(
    fields: Omit<CommandFields, 'protocol'>,
    context: AnswerContext,
    options?: CallOptions,
  ): Promise<RawHeader | undefined> {
    if ((await this.#session.protocol(context, options)) < 7) {
      throw new UnsupportedError({
        ...{ code: 'ERR_SET_PROTOCOL', errno: -IpsetErr.protocol, operation: context.operation },
        meaning: 'the kernel speaks no ipset protocol 7, with which indexes came (Linux 4.20)',
      });
    }
    const { reply, refusal } = await this.#session.tryCommand(fields, context, options);
    if (refusal === undefined) return unpackHeaders(reply.SetHeader ?? new Uint8Array())[0];
    if (refusal.code === -2) return undefined;
    throw refusalError(refusal, context);
  }

  #handle<T extends SetType>(header: SetHeader): IPSet<T> {
    // Callers have compared header.type with T, or left T at "any type".
    return new SetHandle<T>(this.#session, this.#verbs, header as SetHeader<T>);
  }
}

/** What of the options describes a set: not how it is called for. */
function parametersOf<T extends SetType>(options: object): CreateOptions<T> {
  const parameters: Record<string, unknown> = { ...options };
  for (const name of ['revision', 'signal']) Reflect.deleteProperty(parameters, name);
  return parameters;
}

function differs(
  header: SetHeader,
  asked: CheckedOptions,
  names: readonly CreateOptionName[],
): SetTypeMismatchError {
  const line = (of: Readonly<Partial<Record<CreateOptionName, unknown>>>): string =>
    names.map((name) => `${name} ${show(of[name] ?? false)}`).join(', ');
  return new SetTypeMismatchError({
    code: 'EEXIST',
    errno: -17,
    operation: 'ipset.ensure',
    target: `set ${header.name}`,
    meaning: `it exists with ${line(header)}, wanted was ${line(asked)}`,
    hint: "ensure with onMismatch: 'rebuild' makes it so and keeps the entries",
  });
}

function oneOf(value: unknown, words: readonly string[], path: string): void {
  if (typeof value !== 'string' || !words.includes(value)) {
    throw new ValidationError(path, words.join(' or '), value);
  }
}

function typeQuestion(spec: SetTypeSpec, protocol: number): Uint8Array {
  return packCommand({
    command: Cmd.type,
    protocol,
    name2: spec.name,
    family: familyNumber(spec.families[0]),
  });
}

function joined(records: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(records.flatMap((record) => [...record]));
}

/** What makes a set another one: type, family, range. Sizes and options may differ. */
function describe(
  type: string,
  options: {
    readonly family?: Family | undefined;
    readonly range?: readonly [number, number] | readonly [string, string] | undefined;
  },
): string {
  const family = options.family === undefined ? '' : ` family ${options.family}`;
  const range = options.range === undefined ? '' : ` range ${options.range.join('-')}`;
  return `${type}${family}${range}`;
}

/** The header, when this package knows the type. @throws UnsupportedError */
function spoken(raw: RawHeader, operation: string): SetHeader {
  if (raw.header !== undefined) return raw.header;
  throw new UnsupportedError({
    code: 'ERR_SET_TYPE',
    errno: -IpsetErr.findType,
    operation,
    target: `set ${raw.name}`,
    meaning: `it is of type ${raw.type}, which this package does not know`,
  });
}

interface KnownSet {
  readonly raw: RawHeader;
  readonly header: SetHeader;
}

/** The sets of types that this package knows, by name. */
function known(raws: readonly RawHeader[], prefix?: string): KnownSet[] {
  return raws
    .flatMap((raw) => (raw.header === undefined ? [] : [{ raw, header: raw.header }]))
    .filter(({ header }) => header.name.startsWith(prefixOf(prefix)))
    .sort((a, b) => (a.header.name < b.header.name ? -1 : a.header.name > b.header.name ? 1 : 0));
}

function prefixOf(prefix: unknown): string {
  if (prefix === undefined) return '';
  if (typeof prefix === 'string') return prefix;
  throw new ValidationError('options.prefix', 'text', prefix);
}

async function snapshots(
  sets: readonly KnownSet[],
  table: EntryTable,
  options: CallOptions,
): Promise<SetSnapshot[]> {
  const out: SetSnapshot[] = [];
  for (const { raw, header } of sets) {
    out.push({ header, entries: await new EntryList(table, raw, header).texts(options.signal) });
  }
  return out;
}
