import { AlreadyExistsError, OutcomeUnknownError } from '../errors.js';
import { type Address, formatAddress } from '../net/address.js';
import { NO_COUNTERS } from '../netlink/counters.js';
import type { CallOptions, Channel, ChannelCounters } from '../netlink/types.js';
import {
  hostAddress,
  linkName,
  type LinkRequest,
  packAddresses,
  packLink,
  unpackAddresses,
  unpackLinks,
} from './codec.js';
import { linkError, type LinkOperation } from './errors.js';
import { checkComplete, type Refused, refusals } from './reply.js';
import { RTM } from './rtnetlink.js';
import type { AddressChange, Link, LinkState } from './types.js';

const EEXIST = -17;
const ENODEV = -19;
const EADDRNOTAVAIL = -99;

class RouteLink implements Link {
  #opened: Channel | undefined;

  constructor(private readonly channel: () => Promise<Channel>) {}

  async #open(): Promise<Channel> {
    return (this.#opened = await this.channel());
  }

  /** One request about one interface; the refusal, if any. */
  async #one(
    operation: LinkOperation,
    request: LinkRequest,
    options: CallOptions | undefined,
  ): Promise<{ readonly refused: Refused | undefined; readonly links: LinkState[] }> {
    const channel = await this.#open();
    const reply = await channel.run({ shape: 'LinkOp', records: packLink(request) }, options);
    checkComplete(reply, 1, operation, request.name ?? '');
    return { refused: refusals(reply)[0], links: unpackLinks(reply.Link) };
  }

  async list(options?: CallOptions): Promise<LinkState[]> {
    const channel = await this.#open();
    const reply = await channel.dump(
      { shape: 'LinkOp', record: packLink({ command: RTM.getLink }) },
      options,
    );
    this.#checkDump(reply, 'link.list', 'interfaces');
    return unpackLinks(reply.Link);
  }

  #checkDump(
    reply: Awaited<ReturnType<Channel['dump']>>,
    operation: 'link.list' | 'link.addresses',
    target: string,
  ): void {
    if (reply.error !== 0) throw linkError(operation, target, { code: reply.error });
    if (!reply.interrupted) return;
    throw new OutcomeUnknownError({
      code: 'EINTR',
      errno: -4,
      operation,
      target,
      meaning: 'the listing changed each time it was read',
      hint: 'try again when fewer changes are made',
    });
  }

  async get(name: string, options?: CallOptions): Promise<LinkState | undefined> {
    return this.#get(linkName(name), 'link.get', options);
  }

  async #get(
    name: string,
    operation: LinkOperation,
    options: CallOptions | undefined,
  ): Promise<LinkState | undefined> {
    const { refused, links } = await this.#one(operation, { command: RTM.getLink, name }, options);
    if (refused?.code === ENODEV) return undefined;
    if (refused !== undefined) throw linkError(operation, name, refused);
    return links[0];
  }

  async #index(name: string, operation: LinkOperation, options: CallOptions | undefined): Promise<number> {
    const found = await this.#get(linkName(name), operation, options);
    if (found === undefined) throw linkError(operation, name, { code: ENODEV });
    return found.index;
  }

  async ensureDummy(name: string, options?: CallOptions): Promise<{ readonly created: boolean }> {
    const operation = 'link.ensureDummy';
    const valid = linkName(name);
    const isDummy = (found: LinkState | undefined): boolean => {
      if (found === undefined) return false;
      if (found.kind === 'dummy') return true;
      throw new AlreadyExistsError({
        code: 'EEXIST',
        errno: EEXIST,
        operation,
        target: name,
        meaning: `an interface of this name exists, of kind ${found.kind ?? 'physical or loopback'}`,
      });
    };
    if (isDummy(await this.#get(valid, operation, options))) return { created: false };
    const { refused } = await this.#one(
      operation,
      { command: RTM.newLink, name: valid, kind: 'dummy', exclusive: true },
      options,
    );
    if (refused === undefined) return { created: true };
    // Somebody was quicker.
    if (refused.code === EEXIST && isDummy(await this.#get(valid, operation, options)))
      return { created: false };
    throw linkError(operation, name, refused);
  }

  async remove(name: string, options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean> {
    const { refused } = await this.#one(
      'link.remove',
      { command: RTM.deleteLink, name: linkName(name) },
      options,
    );
    if (refused === undefined) return true;
    if (refused.code === ENODEV && options?.ifExists === true) return false;
    throw linkError('link.remove', name, refused);
  }

  async setUp(name: string, up: boolean, options?: CallOptions): Promise<void> {
    const { refused } = await this.#one(
      'link.setUp',
      { command: RTM.setLink, name: linkName(name), up },
      options,
    );
    if (refused !== undefined) throw linkError('link.setUp', name, refused);
  }

  async addresses(name?: string, options?: CallOptions): ReturnType<Link['addresses']> {
    const operation = 'link.addresses';
    const names = new Map<number, string>();
    let index = 0;
    if (name === undefined) for (const link of await this.list(options)) names.set(link.index, link.name);
    else names.set((index = await this.#index(name, operation, options)), name);
    const channel = await this.#open();
    const reply = await channel.dump(
      { shape: 'LinkOp', record: packLink({ command: RTM.getAddress, index }) },
      options,
    );
    this.#checkDump(reply, operation, name ?? 'all interfaces');
    return unpackAddresses(reply.LinkAddress, names);
  }

  addAddresses(name: string, addresses: Iterable<string>, options?: CallOptions): Promise<AddressChange> {
    return this.#change('link.addAddresses', name, addresses, options);
  }

  removeAddresses(name: string, addresses: Iterable<string>, options?: CallOptions): Promise<AddressChange> {
    return this.#change('link.removeAddresses', name, addresses, options);
  }

  async #change(
    operation: 'link.addAddresses' | 'link.removeAddresses',
    name: string,
    addresses: Iterable<string>,
    options: CallOptions | undefined,
  ): Promise<AddressChange> {
    // The same address twice is sent once; its first place in the input is the one that errors name.
    const unique = new Map<string, { readonly address: Address; readonly position: number }>();
    let position = 0;
    for (const text of addresses) {
      const address = hostAddress(text, `addresses[${position}]`);
      const key = formatAddress(address.bytes, address.family);
      if (!unique.has(key)) unique.set(key, { address, position });
      position++;
    }
    const wanted = [...unique.values()];
    if (wanted.length === 0) {
      linkName(name);
      return { changed: [], unchanged: [] };
    }

    const [command, settledAlready] =
      operation === 'link.addAddresses'
        ? ([RTM.newAddress, EEXIST] as const)
        : ([RTM.deleteAddress, EADDRNOTAVAIL] as const);
    const index = await this.#index(name, operation, options);
    const records = packAddresses(
      command,
      index,
      wanted.map((item) => item.address),
    );
    const channel = await this.#open();
    const reply = await channel.run({ shape: 'LinkOp', records }, options);
    checkComplete(reply, wanted.length, operation, name);

    const refused = new Map(refusals(reply).map((refusal) => [refusal.index, refusal]));
    const changed: string[] = [];
    const unchanged: string[] = [];
    let first: { readonly refusal: Refused; readonly key: string; readonly position: number } | undefined;
    for (const [i, key] of [...unique.keys()].entries()) {
      const refusal = refused.get(i);
      if (refusal === undefined) changed.push(key);
      else if (refusal.code === settledAlready) unchanged.push(key);
      else first ??= { refusal, key, position: wanted[i]?.position ?? i };
    }
    if (first !== undefined) {
      throw linkError(operation, `${name} ${first.key}`, {
        ...first.refusal,
        position: first.position,
        applied: changed.length,
      });
    }
    return { changed, unchanged };
  }

  counters(): ChannelCounters {
    return this.#opened?.counters() ?? NO_COUNTERS;
  }
}

/**
 * Interfaces and addresses over a route channel, which is opened by the first call. Calls may run concurrently: the channel puts
 * them one after the other.
 */
export function createLink(channel: () => Promise<Channel>): Link {
  return new RouteLink(channel);
}
