import type { CallOptions, Reply } from '../netlink/types.js';
import { SetEntry } from '../native/records.js';
import { Cmd, ListFlags, packCommand } from './command.js';
import { ipsetError, type AnswerContext } from './errors.js';
import { unpackHeaders, type RawHeader } from './header.js';
import { TextHeap } from './heap.js';
import { entryTable, layoutOf, type EntryLayout, type EntryTable } from './layout.js';
import type { Session } from './session.js';
import { Slice, sortTexts } from './slice.js';
import type { SetHeader } from './types.js';
import { entryText } from './unpack.js';

/** What a listing brought: headers, and all entries together. */
export interface Listing {
  readonly headers: readonly RawHeader[];
  readonly table: EntryTable;
}

/** How much of each set is asked for. */
export type ListDepth = keyof typeof ListFlags;

/**
 * List one set, or all. The kernel is read to its end natively, so the sets are not held while the caller walks through the answer.
 * @returns undefined when there is no set of the name
 */
export async function list(
  session: Session,
  what: { readonly name?: string; readonly depth: ListDepth },
  context: AnswerContext,
  options?: CallOptions,
): Promise<Listing | undefined> {
  const protocol = await session.protocol(context, options);
  const channel = await session.channel();
  const record = packCommand({
    command: Cmd.list,
    protocol,
    name: what.name ?? '',
    listFlags: ListFlags[what.depth],
  });
  const reply: Reply = await channel.dump({ shape: 'SetCommand', record }, options);
  if (reply.error === -2 && what.name !== undefined) return undefined;
  if (reply.error !== 0) throw ipsetError(reply.error, context);
  if (reply.overrun) throw ipsetError(-105, context);
  return {
    headers: unpackHeaders(reply.SetHeader ?? new Uint8Array()),
    table: entryTable(reply.SetEntry ?? new Uint8Array(), new TextHeap(reply.heap)),
  };
}

/** The entries of one set in a listing; decoded one by one as they are asked for. */
export class EntryList {
  readonly layout: EntryLayout;
  readonly length: number;
  readonly #table: EntryTable;
  readonly #first: number;

  constructor(table: EntryTable, raw: RawHeader, header: SetHeader) {
    this.layout = layoutOf(header.type, header.family);
    this.#table = table;
    this.#first = raw.firstEntry;
    this.length = raw.entryCount;
  }

  text(index: number): string {
    return entryText(this.#table, (this.#first + index) * SetEntry.size, this.layout);
  }

  /** All as text, sorted by code unit, but the members of a `list:set` in their order; in slices. */
  async texts(signal?: AbortSignal): Promise<string[]> {
    const slice = new Slice();
    const texts: string[] = [];
    for (let i = 0; i < this.length; i++) {
      texts.push(this.text(i));
      if ((i & 255) === 255 && slice.over) {
        await slice.rest();
        signal?.throwIfAborted();
      }
    }
    return this.layout.spec.kind === 'list' ? texts : sortTexts(texts, slice);
  }
}
