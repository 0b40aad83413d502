import {
  isAlreadyExists,
  isNetlinkError,
  isValidation,
  type NetlinkError,
  type ValidationError,
} from '../../errors.js';
import { type SetKind, SET_TYPES } from '../set-types.js';
import type { CreateOptions, IPSet, Ipset, SetHeader, SetType } from '../types.js';
import type { Invocation } from './commands.js';
import { parseCreate, type ToolCreate, typeOfName } from './create.js';
import { parseElement, type ToolElement } from './element.js';
import { ToolError } from './error.js';
import { kernelMessage, type KernelCommand } from './kernel-message.js';
import type { ToolNames } from './names.js';
import { splitWords } from './words.js';

/** Reads something with names that may have to be looked up. */
export type ReadNames = <T>(read: (names: ToolNames) => T) => Promise<T>;

/** A command was understood and the kernel refused it; the message is the tool's. */
export class Refusal extends Error {
  readonly error: NetlinkError;

  constructor(error: NetlinkError, message: string) {
    super(message);
    this.name = 'Refusal';
    this.error = error;
  }
}

/** A line that was not understood, or that the kernel refused; lines before it were run. */
export class LineFault extends Error {
  /** From 1 on. */
  readonly line: number;

  constructor(line: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'LineFault';
    this.line = line;
  }
}

/** What {@link ToolExecutor.run} takes. */
export type ExecutableInvocation = Extract<
  Invocation,
  { readonly command: 'create' | 'add' | 'del' | 'test' | 'rename' | 'swap' | 'destroy' | 'flush' }
>;

/** What came of a command, where there is something to say. */
export interface ToolAnswer {
  readonly warnings?: readonly string[];
  /** Of `test`. */
  readonly test?: { readonly display: string; readonly set: string; readonly matched: boolean };
}

/** Entries that go to the kernel together. */
interface Batch {
  readonly verb: 'add' | 'del';
  readonly name: string;
  readonly exist: boolean;
  /** What lines begin with that go into it unread. */
  readonly prefix: string;
  readonly texts: string[];
  readonly lines: number[];
}

/** Entries that are gathered before they are handed over; the next ones are read while these are under way. */
const BATCH = 16_384;

/** What makes a line more than an entry: options of ipset behind it, and what a text of entries would take for a remark or for nothing. */
const SPECIAL = /[#;]| -|""/;

const NOTHING: ToolAnswer = {};

/**
 * Runs commands of ipset(8). Consecutive entries for one set are gathered and go to the kernel in batches, so a fault may belong to an
 * earlier line: {@link LineFault} has its number, and `settle` waits for what is under way.
 */
export class ToolExecutor {
  readonly #ipset: Ipset;
  readonly #reading: ReadNames;
  readonly #known = new Map<string, IPSet>();
  #batch: Batch | undefined;
  #flight: Promise<void> = Promise.resolve();

  constructor(ipset: Ipset, reading: ReadNames) {
    this.#ipset = ipset;
    this.#reading = reading;
  }

  /**
   * Take a line for the set that the last one was for, the quick way: what it says is read when the batch is loaded.
   * @returns false when it is something else; otherwise a promise only where the caller has to wait
   */
  takePlain(line: string, number: number, exist: boolean): Promise<void> | boolean {
    const batch = this.#batch;
    if (batch?.exist !== exist || !line.startsWith(batch.prefix)) return false;
    const text = line.slice(batch.prefix.length);
    if (SPECIAL.test(text)) return false;
    return this.#push(batch, text, number) ?? true;
  }

  /** Run one command. @throws ToolError, {@link Refusal}, {@link LineFault} */
  async run(invocation: ExecutableInvocation, exist: boolean, line: number): Promise<ToolAnswer> {
    switch (invocation.command) {
      case 'add':
      case 'del': {
        const { command, set } = invocation;
        const element = await this.#element(invocation);
        await this.#gather(command, set, exist, element.text, line);
        return NOTHING;
      }
      case 'test': {
        await this.settle();
        const { set } = invocation;
        const element = await this.#element(invocation);
        const matched = await this.#test(set, element);
        return { test: { display: element.display, set, matched } };
      }
      default:
        await this.settle();
        return this.#change(invocation, exist);
    }
  }

  /** Wait until everything that was taken is done. @throws LineFault */
  async settle(): Promise<void> {
    const batch = this.#batch;
    this.#batch = undefined;
    const flight = this.#flight;
    this.#flight = Promise.resolve();
    await flight;
    if (batch !== undefined) await this.#load(batch);
  }

  // -------------------------------------------------------------------------------------------------------- entries

  async #element(
    invocation: Extract<ExecutableInvocation, { readonly element: string }>,
  ): Promise<ToolElement> {
    const { command, set: name, element, rest } = invocation;
    return this.#parse(await this.#find(name, command), command, element, rest);
  }

  #parse(
    set: IPSet,
    command: 'add' | 'del' | 'test',
    element: string,
    rest: readonly string[],
  ): Promise<ToolElement> {
    const context = { spec: SET_TYPES[set.type], family: set.header.family };
    return this.#reading((names) => parseElement(command, element, rest, { ...context, names }));
  }

  async #find(name: string, command: KernelCommand): Promise<IPSet> {
    const cached = this.#known.get(name);
    if (cached !== undefined) return cached;
    const set = await refusing(command, () => this.#ipset.get(name || '\0'));
    if (set === undefined) throw new ToolError('syntax', 'The set with the given name does not exist');
    this.#known.set(name, set);
    return set;
  }

  async #gather(
    verb: 'add' | 'del',
    name: string,
    exist: boolean,
    text: string,
    line: number,
  ): Promise<void> {
    let batch = this.#batch;
    if (batch?.verb !== verb || batch.name !== name || batch.exist !== exist) {
      if (batch !== undefined) await this.settle();
      batch = { verb, name, exist, prefix: `${verb} ${name} `, texts: [], lines: [] };
      this.#batch = batch;
    }
    await this.#push(batch, text, line);
  }

  #push(batch: Batch, text: string, line: number): Promise<void> | undefined {
    batch.texts.push(text);
    batch.lines.push(line);
    return batch.texts.length < BATCH ? undefined : this.#handOver(batch);
  }

  /** Send a full batch once the one before it is done. */
  async #handOver(batch: Batch): Promise<void> {
    this.#batch = { ...batch, texts: [], lines: [] };
    await this.#flight;
    this.#flight = this.#load(batch);
    // Its outcome is taken by whoever waits for it next.
    this.#flight.catch(() => undefined);
  }

  async #load({ verb, name, exist, texts, lines }: Batch): Promise<void> {
    if (texts.length === 0) return;
    const set = await this.#find(name, verb);
    const send = async (entries: readonly string[] | string, from: number): Promise<number | undefined> => {
      try {
        await (verb === 'add' ? set.addAll(entries, { exist }) : set.deleteAll(entries, { exist }));
        return undefined;
      } catch (err) {
        if (isNetlinkError(err)) {
          const refusal = new Refusal(err, kernelMessage(err, verb, SET_TYPES[set.type].kind));
          throw new LineFault(lines[from + (err.position ?? 0)] ?? 0, refusal);
        }
        if (!isValidation(err)) throw err;
        const stopped = from + faultyIndex(err);
        // Read by the words of the tool already: nothing is left to try.
        if (typeof entries !== 'string') {
          throw new LineFault(lines[stopped] ?? 0, new ToolError('syntax', entryMessage(err)));
        }
        return stopped;
      }
    };
    // Text is read on a worker thread. Where it is more than the plain form, the rest of the batch is read as the tool reads it.
    const stopped = texts.some((text) => REMARK.test(text)) ? 0 : await send(texts.join('\n'), 0);
    if (stopped === undefined) return;
    const read: string[] = [];
    let fault: LineFault | undefined;
    for (let i = stopped; i < texts.length && fault === undefined; i++) {
      try {
        const [element = '', ...rest] = splitWords(texts[i] ?? '');
        read.push((await this.#parse(set, verb, element, rest)).text);
      } catch (err) {
        fault = new LineFault(lines[i] ?? 0, err);
      }
    }
    await send(read, stopped);
    if (fault !== undefined) throw fault;
  }

  async #test(name: string, { question }: ToolElement): Promise<boolean> {
    if (question === undefined) return false;
    const set = await this.#find(name, 'test');
    try {
      return await set.has(question);
    } catch (err) {
      if (isValidation(err)) throw new ToolError('syntax', entryMessage(err));
      // The kernel has one answer to all that does not match; only a missing set is said.
      if (isNetlinkError(err) && Math.abs(err.errno) >= 4352) return false;
      throw asRefusal(err, 'test', SET_TYPES[set.type].kind);
    }
  }

  // ----------------------------------------------------------------------------------------------------------- sets

  async #change(
    invocation: Exclude<ExecutableInvocation, { readonly element: string }>,
    exist: boolean,
  ): Promise<ToolAnswer> {
    const { command } = invocation;
    // What is known of sets may be wrong from here on.
    if (command !== 'flush') this.#known.clear();
    switch (invocation.command) {
      case 'create':
        return this.#create(invocation, exist);
      case 'rename':
        await refusing(command, () => this.#ipset.rename(invocation.set, invocation.to));
        return NOTHING;
      case 'swap':
        await refusing(command, () => this.#ipset.swap(invocation.set, invocation.to));
        return NOTHING;
      case 'flush': {
        const { set } = invocation;
        await refusing(command, () => (set === undefined ? this.#ipset.flushAll() : this.#ipset.flush(set)));
        return NOTHING;
      }
      case 'destroy': {
        const { set } = invocation;
        await refusing(command, async () => {
          if (set === undefined) await this.#ipset.destroyAll();
          else await this.#ipset.destroy(set, { ifExists: exist });
        });
        return NOTHING;
      }
    }
  }

  /** Faults of options are not looked for where the kernel lacks the type. */
  async #parseCreate(typeName: string, rest: readonly string[]): Promise<ToolCreate> {
    try {
      return await this.#reading((names) => parseCreate(typeName, rest, names));
    } catch (err) {
      const type = typeOfName(typeName);
      if (type === undefined || (await this.#ipset.types())[type] !== undefined) throw err;
      throw new ToolError('syntax', kernelMessage({ errno: -4098 }, 'create'));
    }
  }

  async #create(
    { set: name, type: typeName, rest }: Extract<Invocation, { readonly command: 'create' }>,
    exist: boolean,
  ): Promise<ToolAnswer> {
    const { type, options, warnings } = await this.#parseCreate(typeName, rest);
    const { kind } = SET_TYPES[type];
    try {
      await this.#ipset.create(name, type, { ...options, revision: 'newest' });
    } catch (err) {
      if (isValidation(err)) throw new ToolError('syntax', validationMessage(err.path, err.message));
      if (exist && isAlreadyExists(err)) {
        const header = await this.#ipset.header(name);
        if (header !== undefined && isSame(header, type, options)) return { warnings };
      }
      throw asRefusal(err, 'create', kind);
    }
    return { warnings };
  }
}

/** What the kernel says of options that the set was created without; this package does not send them. */
function entryMessage({ expected, message }: ValidationError): string {
  const missing = /\(no (timeout|packets|bytes|comment|skb\w+), since/.exec(expected)?.[1];
  switch (missing) {
    case undefined:
      return message;
    case 'timeout':
      return kernelMessage({ errno: -4107 }, 'add');
    case 'packets':
    case 'bytes':
      return kernelMessage({ errno: -4111 }, 'add');
    case 'comment':
      return kernelMessage({ errno: -4112 }, 'add');
    default:
      return kernelMessage({ errno: -4114 }, 'add');
  }
}

/** What the kernel would have said to values that this package does not send. */
function validationMessage(path: string, message: string): string {
  if (path !== 'options.range') return message;
  return message.includes('wider than the netmask')
    ? 'Element is out of the range of the set'
    : 'The range you specified exceeds the size limit of the set type';
}

/** Options that the kernel compares when a set is created that exists and that is to be fine: neither family nor size of the hash. */
const COMPARED: readonly (keyof CreateOptions & keyof SetHeader)[] = [
  ...(['range', 'maxElements', 'size', 'netmask', 'bitmask', 'markMask'] as const),
  ...(['timeout', 'counters', 'comment', 'skbinfo'] as const),
];
const DEFAULTS: CreateOptions = { maxElements: 65_536, size: 8, markMask: 0xffff_ffff };

function isSame(header: SetHeader, type: SetType, options: CreateOptions): boolean {
  if (header.type !== type) return false;
  const known = SET_TYPES[type].options;
  return COMPARED.filter((name) => known.includes(name)).every(
    (name) => String(header[name]) === String(options[name] ?? DEFAULTS[name]),
  );
}

async function refusing<T>(command: KernelCommand, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (err) {
    if (isValidation(err)) throw new ToolError('syntax', NAME_MESSAGES[err.path] ?? err.message);
    throw asRefusal(err, command);
  }
}

/** No set has a name that this package refuses. */
const NAME_MESSAGES: Readonly<Record<string, string>> = {
  name: 'The set with the given name does not exist',
  from: 'The set with the given name does not exist',
  a: 'The set with the given name does not exist',
  b: 'Sets cannot be swapped: the second set does not exist',
};

function asRefusal(err: unknown, command: KernelCommand, kind?: SetKind): unknown {
  return isNetlinkError(err) ? new Refusal(err, kernelMessage(err, command, kind)) : err;
}

/** What a text of entries cannot carry: it takes the rest of the line for a remark. */
const REMARK = /[#;]/;

/** Which entry of a load was not one: `line 3` of a text, `[2]` of a list. */
function faultyIndex({ path }: ValidationError): number {
  const line = /^line (\d+)/.exec(path)?.[1];
  return line === undefined ? Number(/^\[(\d+)\]/.exec(path)?.[1] ?? 0) : Number(line) - 1;
}
