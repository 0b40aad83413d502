import type { CallOptions } from '../netlink/types.js';
import { ipsetError, type AnswerContext } from './errors.js';
import { EntryList, list } from './listing.js';
import type { Session } from './session.js';
import type { ContentsOptions, SetContents } from './types.js';

/** Sets with their entries in the order of the kernel, from one listing; texts are made as they are asked for. */
export async function contents(
  session: Session,
  options: ContentsOptions & CallOptions = {},
): Promise<SetContents[]> {
  const { name, headersOnly = false } = options;
  const context: AnswerContext = {
    operation: 'ipset.contents',
    ...(name === undefined ? {} : { target: `set ${name}` }),
  };
  const depth = headersOnly ? 'headersOnly' : 'everything';
  const listing = await list(session, { depth, ...(name === undefined ? {} : { name }) }, context, options);
  if (listing === undefined) throw ipsetError(-2, context);
  return listing.headers.map((raw) => {
    if (raw.header === undefined) throw ipsetError(-4098, { ...context, type: raw.type });
    const entries = new EntryList(listing.table, raw, raw.header);
    return { header: raw.header, length: entries.length, text: (index) => entries.text(index) };
  });
}
