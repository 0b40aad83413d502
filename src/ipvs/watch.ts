import { isDeepStrictEqual } from 'node:util';
import type { CallOptions } from '../netlink/types.js';
import type { Exchange } from './exchange.js';
import { parseFilter, type ServiceMatcher } from './filter.js';
import type { Handles } from './handles.js';
import { destinationTarget } from './identity.js';
import { listServers } from './listing.js';
import { checkOptions, optionsAt } from './objects.js';
import { Pace } from './pace.js';
import { parseInterval, type PollBounds, Polling } from './polling.js';
import type { IpvsEvent, RealServer, VirtualServer, WatchOptions } from './types.js';

const INTERVAL: PollBounds = { min: 250, max: 2000 };
const KEYS = ['signal', 'filter', 'interval', 'stats', 'initial', 'realServers'] as const;

/** Options after validation. */
interface WatchPlan {
  readonly matches: ServiceMatcher | undefined;
  readonly interval: PollBounds;
  readonly stats: boolean;
  readonly initial: boolean;
  readonly realServers: boolean;
  readonly call: CallOptions;
}

/**
 * Changes of the table, found by looking again and again. Bad input throws at once; the first look is taken when the iteration begins.
 * @throws ValidationError
 */
export function watch(
  exchange: Exchange,
  handles: Handles<number>,
  options: WatchOptions,
): AsyncIterable<IpvsEvent> {
  optionsAt(options, KEYS, 'options', 'options');
  const { filter, interval, ...rest } = options;
  checkOptions(rest, ['stats', 'initial', 'realServers']);
  const plan: WatchPlan = {
    matches: parseFilter(filter, 'options.filter'),
    interval: parseInterval(interval, INTERVAL, 'options.interval'),
    stats: rest.stats ?? false,
    initial: rest.initial ?? false,
    realServers: rest.realServers ?? true,
    call: rest.signal === undefined ? {} : { signal: rest.signal },
  };
  return { [Symbol.asyncIterator]: () => new Watching(exchange, handles, plan).run() };
}

/** Something of the table, by what it is called. Virtual servers stand before their real servers. */
type Snapshot = ReadonlyMap<string, VirtualServer | RealServer>;

class Watching {
  readonly #exchange: Exchange;
  readonly #handles: Handles<number>;
  readonly #plan: WatchPlan;
  readonly #pace: Pace;

  constructor(exchange: Exchange, handles: Handles<number>, plan: WatchPlan) {
    this.#exchange = exchange;
    this.#handles = handles;
    this.#plan = plan;
    this.#pace = new Pace(plan.call.signal);
  }

  /**
   * One look for each time that the consumer has taken everything: what happens while it is busy comes together at the next look, so that
   * nothing piles up.
   */
  async *run(): AsyncGenerator<IpvsEvent, void, undefined> {
    const { initial, interval, call } = this.#plan;
    let known: Snapshot = initial ? new Map<string, VirtualServer>() : await this.#look();
    const polling = new Polling(interval, call.signal);
    if (initial) {
      const first = await this.#look();
      yield* this.#differences(known, first);
      yield { type: 'ready' };
      known = first;
    }
    for (let changed = true; ;) {
      await polling.next(changed);
      const now = await this.#confirmed(known);
      changed = false;
      for await (const event of this.#differences(known, now)) {
        changed = true;
        yield event;
      }
      known = now;
    }
  }

  async #look(): Promise<Snapshot> {
    const { matches, realServers, call } = this.#plan;
    const servers = await listServers(this.#exchange, this.#handles, { ...call, realServers }, matches);
    const snapshot = new Map<string, VirtualServer | RealServer>();
    for (const server of servers) {
      snapshot.set(server.url, server);
      for (const real of server.realServers) snapshot.set(destinationTarget(server, real), real);
      if (this.#pace.due()) await this.#pace.rest();
    }
    return snapshot;
  }

  /** A look in which nothing is missing only because others were writing: what is gone has to be gone twice. */
  async #confirmed(known: Snapshot): Promise<Snapshot> {
    const now = await this.#look();
    let missing = false;
    for (const name of known.keys()) {
      if (!now.has(name)) missing = true;
      if (missing) break;
    }
    if (!missing) return now;
    const again = await this.#look();
    // In the order of the later one; what only the earlier one saw is looked at next time.
    const both = new Map(again);
    for (const [name, server] of now) if (!both.has(name)) both.set(name, server);
    return both;
  }

  async *#differences(before: Snapshot, after: Snapshot): AsyncGenerator<IpvsEvent, void, undefined> {
    // What goes: real servers before their virtual server.
    for (const [name, server] of [...before].reverse()) {
      if (!after.has(name)) yield eventOf('removed', name, server);
    }
    for (const [name, server] of after) {
      const former = before.get(name);
      if (former === undefined) {
        yield eventOf('added', name, server);
      } else {
        const fields = this.#changes(former, server);
        if (fields.length > 0) yield changeOf(name, former, server, fields);
      }
      if (this.#pace.due()) await this.#pace.rest();
    }
  }

  #changes(before: VirtualServer | RealServer, after: VirtualServer | RealServer): readonly string[] {
    const fields = isReal(after)
      ? this.#plan.stats
        ? REAL_SERVER_ALL
        : REAL_SERVER_SETTINGS
      : this.#plan.stats
        ? VIRTUAL_SERVER_ALL
        : VIRTUAL_SERVER_SETTINGS;
    return fields.filter((field) => {
      const one: unknown = Reflect.get(before, field);
      const two: unknown = Reflect.get(after, field);
      // Most are equal and no objects.
      return one !== two && !isDeepStrictEqual(one, two);
    });
  }
}

const VIRTUAL_SERVER_SETTINGS = ['scheduler', 'schedulerFlags', 'persistence', 'onePacket'] as const;
const VIRTUAL_SERVER_ALL = [...VIRTUAL_SERVER_SETTINGS, 'stats'] as const;
const REAL_SERVER_SETTINGS = ['weight', 'forwarding', 'tunnel', 'upperThreshold', 'lowerThreshold'] as const;
const REAL_SERVER_ALL = [
  ...REAL_SERVER_SETTINGS,
  'activeConnections',
  'inactiveConnections',
  'persistentConnections',
  'stats',
] as const;

function isReal(server: VirtualServer | RealServer): server is RealServer {
  return 'virtualServer' in server;
}

function eventOf(type: 'added' | 'removed', target: string, server: VirtualServer | RealServer): IpvsEvent {
  return isReal(server)
    ? { type, kind: 'realServer', target, server }
    : { type, kind: 'virtualServer', target, server };
}

function changeOf(
  target: string,
  before: VirtualServer | RealServer,
  server: VirtualServer | RealServer,
  fields: readonly string[],
): IpvsEvent {
  if (isReal(server) && isReal(before)) {
    return { type: 'changed', kind: 'realServer', target, server, before, fields };
  }
  if (!isReal(server) && !isReal(before)) {
    return { type: 'changed', kind: 'virtualServer', target, server, before, fields };
  }
  throw new TypeError(`${target} is of two kinds`);
}
