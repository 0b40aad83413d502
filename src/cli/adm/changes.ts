import { isValidation } from '../../errors.js';
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
    return items.map(({ error }, i) =>
      error === undefined ? undefined : messageOf(changes[i]?.attempt ?? 'other', error),
    );
  } catch (err) {
    if (!isValidation(err)) throw err;
    const [only] = changes;
    if (only !== undefined && changes.length === 1) return [await refusal(ipvs, only, err.message)];
    // Nothing was sent: one of them is refused by us where the tool asks the kernel. One by one, the others are not held up.
    const outcomes: (string | undefined)[] = [];
    for (const change of changes) outcomes.push(...(await runChanges(ipvs, [change])));
    return outcomes;
  }
}

/**
 * The message that the kernel's refusal would have led to, for values that do not get that far here: thresholds the wrong way
 * round, and names that no module can have.
 */
async function refusal(ipvs: Ipvs, { operation, attempt }: Change, reason: string): Promise<string> {
  const there = (await ipvs.get(operation.virtualServer, { realServers: false })) !== undefined;
  return message(attempt, there ? REFUSED[operation.op].there : REFUSED[operation.op].absent) ?? reason;
}

/** What the kernel says of such values, when there is such a virtual server and when there is none. */
const REFUSED: Readonly<
  Record<Change['operation']['op'], { readonly there: string; readonly absent: string }>
> = {
  add: { there: 'EEXIST', absent: 'ENOENT' },
  set: { there: 'ENOENT', absent: 'ESRCH' },
  remove: { there: 'EINVAL', absent: 'ESRCH' },
  addReal: { there: 'ERANGE', absent: 'ESRCH' },
  setReal: { there: 'ERANGE', absent: 'ESRCH' },
  removeReal: { there: 'EINVAL', absent: 'ESRCH' },
};
