import { isValidation, type ValidationError } from '../../errors.js';
import type { Ipvs } from '../../ipvs/types.js';
import { message, messageOf } from './messages.js';
import type { Change } from './operations.js';

/**
 * Run changes in order, pipelined. A message for each, undefined where it was done.
 */
export async function runChanges(
  ipvs: Ipvs,
  changes: readonly Change[],
): Promise<readonly (string | undefined)[]> {
  try {
    const { items } = await ipvs.batch(changes.map(({ operation }) => operation));
    const outcomes: (string | undefined)[] = [];
    for (const [i, { error }] of items.entries()) {
      const change = changes[i];
      if (error === undefined || change === undefined) outcomes.push(undefined);
      else if (isValidation(error.cause)) outcomes.push(await refusal(ipvs, change, error.cause));
      else outcomes.push(messageOf(change.attempt, error));
    }
    return outcomes;
  } catch (err) {
    if (!isValidation(err)) throw err;
    const [only] = changes;
    if (only !== undefined && changes.length === 1) return [await refusal(ipvs, only, err)];
    // Nothing was sent: one of them is refused by us where the tool asks the kernel. One by one, the others are not held up.
    const outcomes: (string | undefined)[] = [];
    for (const change of changes) outcomes.push(...(await runChanges(ipvs, [change])));
    return outcomes;
  }
}

/**
 * The message that the kernel's refusal would have led to, for values that do not get that far here: thresholds the wrong way
 * round, another address family without a tunnel, and names that no module can have.
 */
async function refusal(ipvs: Ipvs, { operation, attempt }: Change, reason: ValidationError): Promise<string> {
  const there = (await ipvs.get(operation.virtualServer, { realServers: false })) !== undefined;
  const code = there ? refusedThere(operation.op, reason) : ABSENT[operation.op];
  return message(attempt, code) ?? reason.message;
}

/** What the kernel says of such values when there is such a virtual server. */
function refusedThere(op: Change['operation']['op'], { path }: ValidationError): string {
  if (op === 'addReal' || op === 'setReal') return path.endsWith('Threshold') ? 'ERANGE' : 'EINVAL';
  return op === 'add' ? 'EEXIST' : op === 'set' ? 'ENOENT' : 'EINVAL';
}

/** What it says when there is none. */
const ABSENT: Readonly<Record<Change['operation']['op'], string>> = {
  add: 'ENOENT',
  set: 'ESRCH',
  remove: 'ESRCH',
  addReal: 'ESRCH',
  setReal: 'ESRCH',
  removeReal: 'ESRCH',
};
