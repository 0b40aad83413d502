import type { NetlinkError } from '../errors.js';
import type { CallOptions, Channel, Reply } from '../netlink/types.js';
import { Cmd, packCommand, type CommandFields } from './command.js';
import { IpsetErr, ipsetError, type AnswerContext } from './errors.js';
import { refusalAt, type Refusal } from './failure.js';
import { familyNumber, unpackHeaders } from './header.js';
import type { SetTypeSpec } from './set-types.js';

/** Versions of the ipset protocol that this package speaks (linux/netfilter/ipset/ip_set.h). */
const NEWEST = 7;

/** Protocol versions or revisions, both inclusive. */
export interface Versions {
  readonly max: number;
  readonly min: number;
}

/**
 * A channel with what has been learnt about the kernel behind it: protocol version, revisions of types. Learnt on first use and kept;
 * a failed question is asked again by the next call, so that loading a module is enough to go on.
 */
export class Session {
  readonly #open: () => Promise<Channel>;
  #channel: Channel | undefined;
  #versions: Versions | undefined;
  readonly #types = new Map<string, Versions>();

  constructor(open: () => Promise<Channel>) {
    this.#open = open;
  }

  /** The channel if it has been opened. */
  get opened(): Channel | undefined {
    return this.#channel;
  }

  async channel(): Promise<Channel> {
    this.#channel = await this.#open();
    return this.#channel;
  }

  /** Versions that the kernel speaks. PROTOCOL is answered whatever version the question has. */
  async versions(context: AnswerContext, options?: CallOptions): Promise<Versions> {
    if (this.#versions !== undefined) return this.#versions;
    const channel = await this.channel();
    const records = packCommand({ command: Cmd.protocol, protocol: NEWEST });
    const reply = await channel.run({ shape: 'SetCommand', records }, options);
    checkReply(reply, context);
    const [answer] = unpackHeaders(reply.SetHeader ?? new Uint8Array());
    if (answer === undefined) throw ipsetError(-71, context);
    this.#versions = { max: answer.protocol, min: answer.protocolMin };
    return this.#versions;
  }

  /** The version to put into messages: 7, or what an older kernel has. */
  async protocol(context: AnswerContext, options?: CallOptions): Promise<number> {
    return Math.min(NEWEST, (await this.versions(context, options)).max);
  }

  /** Run one request. @throws NetlinkError when it is refused. */
  async command(
    fields: Omit<CommandFields, 'protocol'>,
    context: AnswerContext,
    options?: CallOptions,
  ): Promise<Reply> {
    const { reply, refusal } = await this.tryCommand(fields, context, options);
    if (refusal !== undefined) throw refusalError(refusal, context);
    return reply;
  }

  /** Run one request; a refusal is an answer, what ends the exchange is an error. */
  async tryCommand(
    fields: Omit<CommandFields, 'protocol'>,
    context: AnswerContext,
    options?: CallOptions,
  ): Promise<{ readonly reply: Reply; readonly refusal: Refusal | undefined }> {
    const protocol = await this.protocol(context, options);
    const channel = await this.channel();
    const records = packCommand({ ...fields, protocol });
    const reply = await channel.run({ shape: 'SetCommand', records }, options);
    const refusal = refusalAt(reply, 0);
    if (refusal === undefined) checkReply(reply, context);
    return { reply, refusal };
  }

  /** Revisions of a type that the kernel offers. @throws UnsupportedError when it lacks the type. */
  async revisions(
    spec: SetTypeSpec,
    family: 'inet' | 'inet6' | undefined,
    context: AnswerContext,
    options?: CallOptions,
  ): Promise<Versions> {
    const key = `${spec.name} ${family ?? ''}`;
    const cached = this.#types.get(key);
    if (cached !== undefined) return cached;
    const reply = await this.command(
      { command: Cmd.type, name2: spec.name, family: familyNumber(family) },
      { ...context, type: spec.name },
      options,
    );
    const [answer] = unpackHeaders(reply.SetHeader ?? new Uint8Array());
    if (answer === undefined) throw ipsetError(-71, context);
    const revisions = { max: answer.revision, min: answer.revisionMin };
    this.#types.set(key, revisions);
    return revisions;
  }
}

/** @throws NetlinkError when the exchange ended early, or the first record's outcome is not known. */
export function checkReply(reply: Reply, context: AnswerContext): void {
  const refusal = refusalAt(reply, 0);
  if (refusal !== undefined) throw refusalError(refusal, context);
  if (reply.error !== 0) throw ipsetError(reply.error, context);
  if (reply.overrun && reply.settled === 0) throw ipsetError(-105, context);
}

/** The error for a refused record. */
export function refusalError(refusal: Refusal, context: AnswerContext): NetlinkError {
  return ipsetError(refusal.code, { ...context, extack: refusal.extack });
}

/** The set itself is missing: the one answer to ADD, DEL and TEST that is never about the entry. */
export function isMissingSet(refusal: Refusal): boolean {
  return refusal.code === -2;
}

export function isExist(refusal: Refusal): boolean {
  return refusal.code === -IpsetErr.exist;
}
