import type { CallOptions } from '../netlink/types.js';
import { type CallContext, type IpvsCall, protocolError } from './errors.js';
import { fail, type FoundService, type RunResult } from './exchange.js';
import type { ServiceId } from './identity.js';

/** Options of the calls that remove something. */
export type RemoveOptions = CallOptions & { readonly ifExists?: boolean };

/** Throw unless the request was done. */
export function check(result: RunResult, index: number, call: IpvsCall, context: CallContext): void {
  const error = result.errorOf(index, call, context);
  if (error !== undefined) throw error;
}

/** The answer to the `getService` behind a write; others may have removed the service in between. */
export function found(result: RunResult, index: number, service: ServiceId): FoundService {
  check(result, index, 'get', { service });
  return (
    result.serviceOf(index, service) ??
    fail(protocolError('get', 'the answer carries no virtual server', { service }))
  );
}

/** Whether something was removed; `absent` are the answers that say that it was not there. */
export function removed(
  result: RunResult,
  absent: readonly number[],
  options: RemoveOptions,
  call: IpvsCall,
  context: CallContext,
): boolean {
  const outcome = result.outcomes.of(0);
  if (options.ifExists === true && typeof outcome === 'object' && absent.includes(outcome.errno))
    return false;
  check(result, 0, call, context);
  return true;
}
