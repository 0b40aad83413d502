import { createHash, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { isBusy, isNetlinkError, isNotFound } from '../errors.js';
import type { CallOptions } from '../netlink/types.js';
import type { CreateOptions, IPSet, SetType } from './types.js';

/** What names of temporary sets begin with. */
const PREFIX = 'ipvs-tmp.';

/** The verbs of a set client that are needed here; see Ipset. */
export interface SetMaker {
  names(options?: CallOptions & { readonly prefix?: string }): Promise<string[]>;
  create<T extends SetType>(
    name: string,
    type: T,
    options?: CreateOptions<T> & CallOptions,
  ): Promise<IPSet<T>>;
  destroy(name: string, options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  swap(a: string, b: string, options?: CallOptions): Promise<void>;
  rename(from: string, to: string, options?: CallOptions): Promise<void>;
}

/** What the names of temporary sets for a set begin with: 18 bytes, of its name a part of a digest, since the name itself may have 31. */
export function temporaryPrefix(name: string): string {
  return `${PREFIX}${createHash('sha256').update(name).digest('hex').slice(0, 8)}.`;
}

/** A name that nobody has: two calls that meet, in whatever processes, never fill the same set. */
function temporaryName(name: string): string {
  return temporaryPrefix(name) + randomBytes(4).toString('hex');
}

/** Remove what an earlier call for the set has left, when its process was killed. */
export async function removeLeftovers(sets: SetMaker, name: string, options?: CallOptions): Promise<void> {
  for (const leftover of await sets.names({ ...options, prefix: temporaryPrefix(name) })) {
    try {
      await sets.destroy(leftover, { ...options, ifExists: true });
    } catch (err) {
      // Somebody is listing it: the next call will find it.
      if (!isBusy(err)) throw err;
    }
  }
}

/**
 * Make a temporary set for another one, let `use` do something with it, and remove it, whatever came of that. `use` may rename it: then
 * it is gone.
 */
export async function withTemporary<T extends SetType, R>(
  sets: SetMaker,
  name: string,
  type: T,
  options: CreateOptions<T>,
  call: CallOptions,
  use: (set: IPSet<T>) => Promise<R>,
): Promise<R> {
  const set = await sets.create(temporaryName(name), type, { ...options, ...call });
  try {
    return await use(set);
  } finally {
    // Without the signal: it may be what ended the work.
    await patiently(() => sets.destroy(set.name, { ifExists: true })).catch((err: unknown) => {
      // Somebody keeps listing it. It is found by its name the next time.
      if (!isBusy(err)) throw err;
    });
  }
}

const EBUSY = -16;
const PATIENCE_MS = [2, 5, 10, 20, 40, 80, 160] as const;

/** Do something again while a listing by somebody else forbids it: those take milliseconds. */
export async function patiently<R>(work: () => Promise<R>, signal?: AbortSignal): Promise<R> {
  for (const pause of PATIENCE_MS) {
    try {
      return await work();
    } catch (err) {
      if (!isListed(err) || isNotFound(err)) throw err;
    }
    await setTimeout(pause, undefined, signal === undefined ? {} : { signal });
  }
  return work();
}

function isListed(err: unknown): boolean {
  return isBusy(err) || (isNetlinkError(err) && (err as { errno?: unknown }).errno === EBUSY);
}
