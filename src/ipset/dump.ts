import type { CallOptions } from '../netlink/types.js';
import { PRINTERS } from './tool/print.js';
import { renderSets } from './tool/render.js';
import type { Ipset } from './types.js';

/** Options of {@link formatIpsetSave}. */
export interface IpsetSaveOptions extends CallOptions {
  /** Only this set. Default: all. */
  readonly name?: string;
  /** Entries in the order of `ipset -sorted`. Default: the kernel's, which for hashes changes as they grow. */
  readonly sorted?: boolean;
}

/**
 * The sets of a kernel as text that `ipset restore` and {@link import('./restore.js').restoreIpset} read: what `ipset save` (7.17)
 * prints, and `forceadd`, which it forgets. Comes in pieces of whole lines, some 64 KB each. The listing is read from the kernel to its
 * end before the first piece, so a slow reader holds nothing up; texts are made piece by piece.
 *
 * @throws NotFoundError when there is no set of the name
 */
export async function* formatIpsetSave(
  { ipset }: { readonly ipset: Pick<Ipset, 'contents'> },
  options: IpsetSaveOptions = {},
): AsyncGenerator<string, void, undefined> {
  const { name, sorted = false, signal } = options;
  const call = signal === undefined ? {} : { signal };
  const sets = await ipset.contents(name === undefined ? call : { ...call, name });
  yield* renderSets(sets, PRINTERS.save, { ...call, sorted });
}
