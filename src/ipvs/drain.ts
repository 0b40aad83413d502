import { ValidationError } from '../errors.js';
import { integerIn } from '../net/number.js';
import type { CallOptions } from '../netlink/types.js';
import { type KernelRequest, readNumber, unpackDestination, unpackDestinationSettings } from './codec.js';
import type { DestinationSettings } from './destination-settings.js';
import { refusalError } from './errors.js';
import type { Exchange } from './exchange.js';
import { type DestinationId, destinationName, parseRealServer, type ServiceId } from './identity.js';
import type { Lock } from './lock.js';
import { checkOptions, optionsAt } from './objects.js';
import { MAX_DELAY, parseInterval, type PollBounds, Polling } from './polling.js';
import { check } from './settle.js';
import type { Drain, DrainedServer, DrainOptions, DrainProgress, RealServerRef } from './types.js';

const ENOENT = -2;
const ESRCH = -3;
const INTERVAL: PollBounds = { min: 100, max: 2000 };

const KEYS = [
  'realServers',
  'waitFor',
  'deadline',
  'remove',
  'onDeadline',
  'onAbort',
  'interval',
  'signal',
] as const;
const WAIT_FOR = ['active', 'connections', 'templates'] as const;
const ON_DEADLINE = ['keep', 'remove', 'restore'] as const;
const ON_ABORT = ['keep', 'restore'] as const;

/** Options after validation. */
interface DrainPlan {
  readonly service: ServiceId;
  /** Undefined: all that the virtual server has at the start. */
  readonly wanted: readonly DestinationId[] | undefined;
  readonly waitFor: (typeof WAIT_FOR)[number];
  readonly deadline: number;
  readonly remove: boolean;
  readonly onDeadline: (typeof ON_DEADLINE)[number];
  readonly onAbort: (typeof ON_ABORT)[number];
  readonly interval: PollBounds;
  readonly call: CallOptions;
}

function oneOf<T extends string>(value: unknown, words: readonly T[], fallback: T, path: string): T {
  if (value === undefined) return fallback;
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) throw new ValidationError(path, `one of ${words.join(', ')}`, value);
  return word;
}

/** @throws ValidationError */
function parseDrain(
  service: ServiceId,
  options: DrainOptions & { readonly realServers?: readonly RealServerRef[] },
): DrainPlan {
  optionsAt(options, KEYS, 'options', 'options');
  const { realServers, waitFor, deadline, onDeadline, onAbort, interval, ...rest } = options;
  checkOptions(rest, ['remove']);
  const given: unknown = realServers;
  if (given !== undefined && !Array.isArray(given)) {
    throw new ValidationError('options.realServers', 'a list of real servers', given);
  }
  const wanted = realServers?.map((ref, i) =>
    parseRealServer(ref, service, `options.realServers[${String(i)}]`),
  );
  return {
    service,
    wanted: wanted && [...new Map(wanted.map((id) => [destinationName(id), id])).values()],
    waitFor: oneOf(waitFor, WAIT_FOR, 'connections', 'options.waitFor'),
    deadline:
      deadline === undefined
        ? Infinity
        : integerIn(deadline, 0, MAX_DELAY, 'options.deadline', 'milliseconds'),
    remove: rest.remove ?? false,
    onDeadline: oneOf(onDeadline, ON_DEADLINE, 'keep', 'options.onDeadline'),
    onAbort: oneOf(onAbort, ON_ABORT, 'keep', 'options.onAbort'),
    interval: parseInterval(interval, INTERVAL, 'options.interval'),
    call: rest.signal === undefined ? {} : { signal: rest.signal },
  };
}

/**
 * Take real servers out of service. Bad input throws here; nothing is sent before the drain is awaited or iterated.
 * @throws ValidationError
 */
export function drain(
  exchange: Exchange,
  lock: Lock,
  service: ServiceId,
  options: DrainOptions & { readonly realServers?: readonly RealServerRef[] },
): Drain {
  const plan = parseDrain(service, options);
  const run = (): AsyncGenerator<DrainProgress, void, undefined> => new Draining(exchange, lock, plan).run();
  let result: Promise<DrainProgress> | undefined;
  return {
    [Symbol.asyncIterator]: run,
    then: (onFulfilled, onRejected) => (result ??= lastOf(run())).then(onFulfilled, onRejected),
  };
}

async function lastOf(steps: AsyncIterable<DrainProgress>): Promise<DrainProgress> {
  let last: DrainProgress | undefined;
  for await (const step of steps) last = step;
  // There is always one: a drain says at least that it is done.
  if (last === undefined) throw new Error('a drain without an end');
  return last;
}

/** A real server on its way out. */
interface Leaving {
  readonly id: DestinationId;
  readonly weightBefore: number;
  phase: DrainedServer['phase'];
  settings: DestinationSettings;
  active: number;
  inactive: number;
  persistent: number;
}

type Seen = Pick<Leaving, 'settings' | 'active' | 'inactive' | 'persistent'>;
type Found = Pick<Leaving, 'id' | keyof Seen>;

class Draining {
  readonly #exchange: Exchange;
  readonly #lock: Lock;
  readonly #plan: DrainPlan;
  #leaving: readonly Leaving[] = [];
  #start = 0;

  constructor(exchange: Exchange, lock: Lock, plan: DrainPlan) {
    this.#exchange = exchange;
    this.#lock = lock;
    this.#plan = plan;
  }

  async *run(): AsyncGenerator<DrainProgress, void, undefined> {
    const { deadline, onAbort, call, interval } = this.#plan;
    this.#start = performance.now();
    let ended = false;
    try {
      await this.#quiesce();
      const polling = new Polling(interval, call.signal);
      for (let before = ''; ;) {
        await this.#look();
        await this.#removeDrained();
        const left = deadline - (performance.now() - this.#start);
        if (left <= 0) await this.#expire();
        const progress = this.#progress();
        ended = progress.done;
        yield progress;
        if (ended) return;
        const now = JSON.stringify(progress.realServers);
        await polling.next(now !== before, left);
        before = now;
      }
    } finally {
      // Also where the iteration was ended early.
      if (!ended && onAbort === 'restore') await this.#restore();
    }
  }

  /** What the virtual server has now. */
  async #read(expected: readonly DestinationId[], call: CallOptions): Promise<ReadonlyMap<string, Found>> {
    const { service } = this.#plan;
    const there = await this.#exchange.findDestinations(service, expected.map(destinationName), call);
    const found = new Map<string, Found>();
    for (const [name, { id, table, offset }] of there) {
      const seen = unpackDestination(table, offset, readNumber);
      found.set(name, {
        id,
        settings: unpackDestinationSettings(table, offset),
        active: seen.activeConnections,
        inactive: seen.inactiveConnections,
        persistent: seen.persistentConnections,
      });
    }
    return found;
  }

  /** Weight 0 for all that have another one. */
  #quiesce(): Promise<void> {
    const { service, wanted, call } = this.#plan;
    return this.#lock.run(async () => {
      const there = await this.#read(wanted ?? [], call);
      if (there.size === 0 && (await this.#exchange.findService(service, call)) === undefined) {
        throw refusalError('drain', { errno: ESRCH }, { service });
      }
      const ids = wanted ?? [...there.values()].map(({ id }) => id);
      this.#leaving = ids.map((id) => {
        const seen = there.get(destinationName(id));
        if (seen === undefined) throw refusalError('drain', { errno: ENOENT }, { service, destination: id });
        return { ...seen, weightBefore: seen.settings.weight, phase: 'draining' };
      });
      await this.#setWeights(
        this.#leaving.filter(({ settings }) => settings.weight !== 0),
        () => 0,
        call,
      );
    });
  }

  async #setWeights(
    servers: readonly Leaving[],
    weightOf: (server: Leaving) => number,
    call: CallOptions,
  ): Promise<void> {
    if (servers.length === 0) return;
    const { service } = this.#plan;
    const requests = servers.map((server): KernelRequest => ({
      command: 'setDest',
      service,
      destination: server.id,
      settings: { ...server.settings, weight: weightOf(server) },
    }));
    const result = await this.#exchange.run(requests, call);
    for (const [i, server] of servers.entries()) {
      const outcome = result.outcomes.of(i);
      if (typeof outcome === 'object' && (outcome.errno === ENOENT || outcome.errno === ESRCH)) {
        server.phase = 'gone';
      } else {
        check(result, i, 'drain', { service, destination: server.id });
        server.settings = { ...server.settings, weight: weightOf(server) };
      }
    }
  }

  async #look(): Promise<void> {
    const draining = this.#draining();
    if (draining.length === 0) return;
    const there = await this.#read(
      draining.map(({ id }) => id),
      this.#plan.call,
    );
    for (const server of draining) {
      const seen = there.get(destinationName(server.id));
      if (seen === undefined) {
        Object.assign(server, { phase: 'gone', active: 0, inactive: 0, persistent: 0 });
        continue;
      }
      const { settings, active, inactive, persistent } = seen;
      Object.assign(server, { settings, active, inactive, persistent });
      // Somebody wants it to serve again; two that write against each other help nobody.
      if (settings.weight !== 0) server.phase = 'overridden';
      else if (this.#waitedFor(server) === 0) server.phase = 'drained';
    }
  }

  #draining(): readonly Leaving[] {
    return this.#leaving.filter(({ phase }) => phase === 'draining');
  }

  #waitedFor({ active, inactive, persistent }: Seen): number {
    const { waitFor } = this.#plan;
    return active + (waitFor === 'active' ? 0 : inactive) + (waitFor === 'templates' ? persistent : 0);
  }

  async #removeDrained(): Promise<void> {
    if (!this.#plan.remove) return;
    await this.#remove(
      this.#leaving.filter(({ phase }) => phase === 'drained'),
      'removed',
    );
  }

  async #remove(servers: readonly Leaving[], phase: 'removed' | 'expired'): Promise<void> {
    if (servers.length === 0) return;
    const { service, call } = this.#plan;
    const requests = servers.map(({ id }): KernelRequest => ({
      command: 'delDest',
      service,
      destination: id,
    }));
    const result = await this.#exchange.run(requests, call);
    for (const [i, server] of servers.entries()) {
      const outcome = result.outcomes.of(i);
      const gone = typeof outcome === 'object' && (outcome.errno === ENOENT || outcome.errno === ESRCH);
      if (!gone) check(result, i, 'drain', { service, destination: server.id });
      server.phase = gone ? 'gone' : phase;
    }
  }

  async #expire(): Promise<void> {
    const late = this.#draining();
    const { onDeadline } = this.#plan;
    if (onDeadline === 'remove') return this.#remove(late, 'expired');
    if (onDeadline === 'restore') await this.#restore();
    for (const server of late) server.phase = 'expired';
  }

  /** The former weights of those that did not get to the end. Nobody's signal stops this. */
  async #restore(): Promise<void> {
    const servers = this.#draining().filter(({ weightBefore }) => weightBefore !== 0);
    await this.#lock.run(() => this.#setWeights(servers, ({ weightBefore }) => weightBefore, {}));
  }

  #progress(): DrainProgress {
    const realServers = this.#leaving.map((server): DrainedServer => ({
      virtualServer: this.#plan.service.url,
      address: server.id.address,
      port: server.id.port,
      phase: server.phase,
      weightBefore: server.weightBefore,
      activeConnections: server.active,
      inactiveConnections: server.inactive,
      persistentConnections: server.persistent,
    }));
    return {
      done: this.#draining().length === 0,
      drained: this.#leaving.every(({ phase }) => ['drained', 'removed', 'gone'].includes(phase)),
      elapsed: performance.now() - this.#start,
      connections: this.#draining().reduce((sum, server) => sum + this.#waitedFor(server), 0),
      realServers,
    };
  }
}
