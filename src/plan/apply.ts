import { setTimeout as delay } from 'node:timers/promises';
import { isAlreadyExists, isBusy } from '../errors.js';
import type { IpvsOperation, VirtualServerUrl } from '../ipvs/types.js';
import type { Kernel } from '../kernel/types.js';
import type { Family } from '../net/address.js';
import type { CallOptions } from '../netlink/types.js';
import type { SysctlChange } from '../sysctl/types.js';
import { parseUrl } from './canonical.js';
import type { Plan } from './plan.js';
import type { ApplyReport, Operation, OperationResult } from './types.js';

/** Options of {@link apply}. */
export interface ApplyOptions extends CallOptions {
  /**
   * `continue` (default): one failure does not keep the rest from being done, except what depends on it. `stop`: everything
   * behind the first failure is skipped.
   */
  readonly onError?: 'continue' | 'stop';
}

type Of<Op extends Operation['op']> = Extract<Operation, { op: Op }>;
type Outcome = Omit<OperationResult, 'operation'>;

const DONE: Outcome = { status: 'done' };

const asError = (err: unknown): Error => (err instanceof Error ? err : new Error(String(err)));
const failed = (err: unknown): Outcome => ({ status: 'failed', error: asError(err) });
const skipped = (reason: string): Outcome => ({ status: 'skipped', reason });

/** What has gone wrong so far, as far as later operations depend on it. */
class Damage {
  readonly #sets = new Set<string>();
  readonly #rules = new Set<Family>();
  readonly #leftovers = new Set<Family>();
  readonly #interfaces = new Set<string>();
  /** Virtual servers that could not be recorded, added or removed. */
  readonly #unrecorded = new Set<VirtualServerUrl>();
  readonly #missing = new Set<VirtualServerUrl>();
  readonly #remaining = new Set<VirtualServerUrl>();
  /** Per address that a virtual server was to be added at: whether any of those came to be. */
  readonly #open = new Map<string, boolean>();

  note(operation: Operation, outcome: Outcome): void {
    const done = outcome.status === 'done';
    if (operation.op === 'addVirtualServer') {
      const { address } = parseUrl(operation.virtualServer);
      this.#open.set(address, (this.#open.get(address) ?? false) || done);
    }
    if (done) return;
    switch (operation.op) {
      case 'createSet':
        this.#sets.add(operation.set);
        break;
      case 'addEntry':
        if (operation.records !== undefined) this.#unrecorded.add(operation.records);
        break;
      case 'applyRules':
      case 'applyNft':
        // Of leftovers nothing depends but what they name.
        (operation.leftover === true ? this.#leftovers : this.#rules).add(operation.family);
        break;
      case 'addInterface':
        this.#interfaces.add(operation.interface);
        break;
      case 'addVirtualServer':
        this.#missing.add(operation.virtualServer);
        break;
      case 'removeVirtualServer':
        this.#remaining.add(operation.virtualServer);
        break;
      default:
        break;
    }
  }

  /** Why an operation is not to be tried; undefined when it is. */
  reasonToSkip(operation: Operation): string | undefined {
    switch (operation.op) {
      case 'addEntry':
        return this.#sets.has(operation.set) ? `set ${operation.set} could not be created` : undefined;
      case 'deleteEntry':
        return operation.records !== undefined && this.#remaining.has(operation.records)
          ? `${operation.records} is still there and stays recorded`
          : undefined;
      case 'applyRules':
      case 'applyNft':
        // The second transaction of nft goes on from the first, and old rules stay until the new ones are in force.
        return this.#rules.has(operation.family)
          ? 'the rules that were to come before could not be applied'
          : undefined;
      case 'destroySet':
        return operation.record !== true && this.#leftovers.has(operation.family)
          ? 'rules that may name it are still there'
          : undefined;
      case 'addVirtualServer':
        if (this.#unrecorded.has(operation.virtualServer)) return 'it could not be recorded as ours';
        // Without its rules a new service would be open to everybody, and replies would not come back.
        return this.#rules.has(operation.family) ? 'the rules that it needs could not be applied' : undefined;
      case 'addRealServer':
      case 'setRealServer':
      case 'removeRealServer':
        return this.#missing.has(operation.virtualServer)
          ? `${operation.virtualServer} was not added`
          : undefined;
      case 'addAddress':
        if (this.#interfaces.has(operation.interface))
          return `interface ${operation.interface} could not be created`;
        return this.#open.get(operation.address) === false
          ? 'no virtual server could be added at it'
          : undefined;
      default:
        return undefined;
    }
  }
}

/** Operations that go to the kernel in one call have the same key. */
function batchKey(operation: Operation): string | undefined {
  switch (operation.op) {
    case 'addEntry':
    case 'deleteEntry':
      return `${operation.op} ${operation.set}`;
    case 'addAddress':
    case 'removeAddress':
      return `${operation.op} ${operation.interface}`;
    case 'addVirtualServer':
    case 'setVirtualServer':
    case 'removeVirtualServer':
      return 'virtual servers';
    case 'addRealServer':
    case 'setRealServer':
    case 'removeRealServer':
      return 'real servers';
    default:
      return undefined;
  }
}

/** Consecutive operations with the same key, in order. */
function* batches(operations: readonly Operation[]): Generator<Operation[]> {
  let batch: Operation[] = [];
  let key: string | undefined;
  for (const operation of operations) {
    const next = batchKey(operation);
    if (batch.length > 0 && (next === undefined || next !== key)) {
      yield batch;
      batch = [];
    }
    batch.push(operation);
    key = next;
  }
  if (batch.length > 0) yield batch;
}

function ipvsOperation(operation: Operation): IpvsOperation {
  switch (operation.op) {
    case 'addVirtualServer':
      return { op: 'add', virtualServer: operation.virtualServer, attributes: operation.attributes };
    case 'setVirtualServer':
      return { op: 'set', virtualServer: operation.virtualServer, attributes: operation.attributes };
    case 'removeVirtualServer':
      return { op: 'remove', virtualServer: operation.virtualServer };
    case 'addRealServer':
      return { op: 'addReal', virtualServer: operation.virtualServer, realServer: operation.realServer };
    case 'setRealServer':
      return { op: 'setReal', virtualServer: operation.virtualServer, realServer: operation.realServer };
    case 'removeRealServer': {
      const { virtualServer, address, port } = operation;
      return { op: 'removeReal', virtualServer, realServer: { address, port } };
    }
    default:
      throw new TypeError(`${operation.op} is no operation of IPVS`);
  }
}

/** Carries out batches against one kernel. Every method answers one outcome per operation and never rejects for a refusal. */
class Executor {
  readonly sysctls: SysctlChange[] = [];
  readonly #kernel: Kernel;
  readonly #call: CallOptions;
  readonly #onError: 'continue' | 'stop';

  constructor(kernel: Kernel, options: ApplyOptions) {
    this.#kernel = kernel;
    this.#call = options.signal === undefined ? {} : { signal: options.signal };
    this.#onError = options.onError ?? 'continue';
  }

  async run(batch: readonly Operation[]): Promise<readonly Outcome[]> {
    const [first] = batch;
    if (first === undefined) return [];
    try {
      switch (first.op) {
        case 'addEntry':
        case 'deleteEntry':
          return await this.#entries(first, batch as readonly Of<'addEntry' | 'deleteEntry'>[]);
        case 'addAddress':
        case 'removeAddress':
          return await this.#addresses(first, batch as readonly Of<'addAddress' | 'removeAddress'>[]);
        case 'addVirtualServer':
        case 'setVirtualServer':
        case 'removeVirtualServer':
        case 'addRealServer':
        case 'setRealServer':
        case 'removeRealServer': {
          const { items } = await this.#kernel.ipvs.batch(batch.map(ipvsOperation), {
            ...this.#call,
            onError: this.#onError,
          });
          return items.map(({ status, error }) => (error === undefined ? { status } : { status, error }));
        }
        default:
          return [await this.#single(first)];
      }
    } catch (err) {
      return batch.map(() => failed(err));
    }
  }

  async #entries(
    { op, set: name }: Of<'addEntry' | 'deleteEntry'>,
    batch: readonly Of<'addEntry' | 'deleteEntry'>[],
  ): Promise<readonly Outcome[]> {
    const set = await this.#kernel.ipset.get(name, undefined, this.#call);
    if (set === undefined) throw new Error(`set ${name} does not exist`);
    const entries = batch.map(({ entry }) => entry);
    const options = { ...this.#call, exist: true, onError: 'continue' } as const;
    const { failures } =
      op === 'addEntry' ? await set.addAll(entries, options) : await set.deleteAll(entries, options);
    const refused = new Map(failures.map(({ index, error }) => [index, error]));
    return batch.map((_, i) => {
      const error = refused.get(i);
      return error === undefined ? DONE : failed(error);
    });
  }

  async #addresses(
    first: Of<'addAddress' | 'removeAddress'>,
    batch: readonly Of<'addAddress' | 'removeAddress'>[],
  ): Promise<readonly Outcome[]> {
    const { link } = this.#kernel;
    const change = (addresses: readonly string[]): Promise<unknown> =>
      first.op === 'addAddress'
        ? link.addAddresses(first.interface, addresses, this.#call)
        : link.removeAddresses(first.interface, addresses, this.#call);
    const addresses = batch.map(({ address }) => address);
    try {
      await change(addresses);
      return batch.map(() => DONE);
    } catch {
      // One was refused and the call says nothing about those behind it. Each by itself has an answer of its own, and those
      // that were changed already are fine the second time.
      const outcomes: Outcome[] = [];
      for (const address of addresses) {
        outcomes.push(await change([address]).then(() => DONE, failed));
      }
      return outcomes;
    }
  }

  async #single(operation: Operation): Promise<Outcome> {
    const { ipvs, ipset, link, rules, nft, sysctl } = this.#kernel;
    switch (operation.op) {
      case 'setSysctl':
        this.sysctls.push(await sysctl.set(operation.name, operation.value, this.#call));
        break;
      case 'setTimeouts':
        await ipvs.setTimeouts(operation.timeouts, this.#call);
        break;
      case 'addInterface':
        await link.ensureDummy(operation.interface, this.#call);
        break;
      case 'removeInterface':
        await link.remove(operation.interface, { ...this.#call, ifExists: true });
        break;
      case 'createSet':
        await ipset.create(operation.set, operation.type, { ...operation.options, ...this.#call });
        break;
      case 'destroySet':
        await this.#destroySet(operation.set);
        break;
      case 'applyRules':
        await rules.apply(operation.diff, this.#call);
        break;
      case 'applyNft':
        await nft.apply(operation.diff, this.#call);
        break;
      default:
        throw new TypeError(`${operation.op} is not applied by itself`);
    }
    return DONE;
  }

  /** With the nft back end of iptables the kernel lets go of a set a moment after the rule that named it is gone. */
  async #destroySet(name: string): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#kernel.ipset.destroy(name, { ...this.#call, ifExists: true });
        return;
      } catch (err) {
        if (!isBusy(err) || attempt === 5) throw err;
        await delay(10 * 2 ** attempt, undefined, this.#call);
      }
    }
  }
}

/**
 * Carry a plan out, pipelined: one call per set, one for virtual servers, one for real servers, one restore (or up to two
 * transactions of nft) per family. Not
 * atomic; every operation has an outcome in the report, and what depends on something that failed is skipped rather than
 * half-programmed: no virtual server without its record and its rules, no real server without its virtual server, no address
 * without a virtual server. Real servers of services that exist are updated even when rules fail.
 *
 * Resolves also when operations failed. Aborting the signal ends the work after the operation under way; the rest is reported as
 * skipped.
 */
export async function apply(kernel: Kernel, plan: Plan, options: ApplyOptions = {}): Promise<ApplyReport> {
  const executor = new Executor(kernel, options);
  const damage = new Damage();
  const results: OperationResult[] = [];
  const lost: Of<'addVirtualServer'>[] = [];
  let stop: string | undefined;

  for (const batch of batches(plan.operations)) {
    if (options.signal?.aborted === true) stop = 'aborted';
    const reasons = batch.map((operation) => stop ?? damage.reasonToSkip(operation));
    const tried = batch.filter((_, i) => reasons[i] === undefined);
    const outcomes = (await executor.run(tried)).values();
    for (const [i, operation] of batch.entries()) {
      const reason = reasons[i];
      const outcome =
        reason === undefined
          ? (outcomes.next().value ?? skipped('the call ended before it was tried'))
          : skipped(reason);
      damage.note(operation, outcome);
      results.push({ operation, ...outcome });
      if (outcome.status === 'failed') {
        if (options.onError === 'stop') stop ??= 'an earlier operation failed';
        if (operation.op === 'addVirtualServer' && isAlreadyExists(outcome.error)) lost.push(operation);
      }
    }
  }
  results.push(...(await disown(kernel, plan, lost)));

  const count = (status: OperationResult['status']): number =>
    results.filter((result) => result.status === status).length;
  const done = count('done');
  return {
    ok: done === results.length && plan.conflicts.length === 0,
    done,
    failed: count('failed') + count('unknown'),
    skipped: count('skipped'),
    results,
    conflicts: plan.conflicts,
    sysctls: executor.sysctls,
  };
}

/**
 * Virtual servers that somebody else added between observing and applying: they were recorded before they turned out not to be
 * ours, so their records go again. Answers those that would not.
 */
async function disown(
  kernel: Kernel,
  plan: Plan,
  lost: readonly Of<'addVirtualServer'>[],
): Promise<OperationResult[]> {
  const urls = new Set(lost.map(({ virtualServer }) => virtualServer));
  const results: OperationResult[] = [];
  for (const operation of urls.size === 0 ? [] : plan.operations) {
    if (operation.op !== 'addEntry' || operation.records === undefined || !urls.has(operation.records))
      continue;
    try {
      const set = await kernel.ipset.get(operation.set);
      await set?.delete(operation.entry);
    } catch (err) {
      results.push({ operation: { ...operation, op: 'deleteEntry' }, ...failed(err) });
    }
  }
  return results;
}
