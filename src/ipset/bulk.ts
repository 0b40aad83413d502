import { feed } from './feed.js';
import { Sender, type LoadTarget } from './sender.js';
import type { BulkInput, BulkOptions, BulkResult, SetType } from './types.js';

/** Add or delete many entries: feed.ts packs, sender.ts talks to the kernel. */
export async function bulk(
  verb: 'add' | 'delete',
  target: LoadTarget,
  entries: BulkInput<SetType>,
  options: BulkOptions = {},
): Promise<BulkResult> {
  const sender = new Sender(verb, target, options);
  await feed(entries, sender);
  return sender.result;
}
