import { ValidationError, show } from '../errors.js';
import { EntryArena } from './arena.js';
import { LineLoad } from './line-load.js';
import type { EntrySink, Position } from './sink.js';
import type { BulkInput, EntryFailure, SetType } from './types.js';

/** The first chunk is small, so that the kernel starts early; the later ones keep it busy for some 10 ms each. */
const FIRST_CHUNK = 1024;
const LAST_CHUNK = 16_384;

/** Characters of a text that are encoded at once. */
const TEXT_PIECE = 256 * 1024;

/**
 * Bring all entries of an input to a sink. Entries are packed here while the sink has the previous chunk, in slices, so that the event
 * loop is never held long, whatever the iterable; text goes to the sink as text. No promise per entry.
 */
export async function feed(entries: BulkInput<SetType>, sink: EntrySink): Promise<void> {
  const input = inputOf(entries);
  sink.signal?.throwIfAborted();
  let load: EntryLoad | LineLoad | undefined;
  try {
    if (Symbol.asyncIterator in input.items) {
      for await (const item of input.items) {
        load ??= loadFor(item, input.isText, sink);
        await load.push(item);
      }
    } else {
      for (const item of input.items) {
        load ??= loadFor(item, input.isText, sink);
        // Awaiting only where there is something to wait for: a promise per entry would cost more than its packing.
        const wait = load.push(item);
        if (wait !== undefined) await wait;
      }
    }
    await load?.finish();
  } catch (err) {
    // What the sink has is finished first; a refusal there is about earlier entries, so it is the one to report.
    await load?.landed();
    throw err;
  }
}

interface Input {
  readonly items: Iterable<unknown> | AsyncIterable<unknown>;
  /** Strings are pieces of text too, not entries. */
  readonly isText: boolean;
}

function inputOf(entries: unknown): Input {
  if (typeof entries === 'string') return { items: pieces(entries), isText: true };
  if (entries instanceof Uint8Array) return { items: [entries], isText: true };
  if (typeof entries === 'object' && entries !== null) {
    // A stream that gives strings cuts them anywhere, unless it is one of objects.
    const isText = 'readableEncoding' in entries && typeof entries.readableEncoding === 'string';
    if (Symbol.asyncIterator in entries) return { items: entries as AsyncIterable<unknown>, isText };
    if (Symbol.iterator in entries) return { items: entries as Iterable<unknown>, isText };
  }
  throw new ValidationError('entries', 'an iterable or async iterable of entries, or text', entries);
}

/** A long text in pieces that end with a line. */
function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    const feed = text.indexOf('\n', at + TEXT_PIECE);
    const end = feed < 0 ? text.length : feed + 1;
    yield text.slice(at, end);
    at = end;
  }
}

function loadFor(first: unknown, isText: boolean, sink: EntrySink): EntryLoad | LineLoad {
  return isText || first instanceof Uint8Array ? new LineLoad(sink) : new EntryLoad(sink);
}

/** Packs entries, text or objects. Two arenas are all that is allocated. */
class EntryLoad {
  readonly #sink: EntrySink;
  #filling: EntryArena;
  #spare: EntryArena;
  /** Index of each entry of the arena, once some were left out. */
  #indexes: number[] | undefined;
  #malformed: EntryFailure[] = [];
  #flight: Promise<void> = Promise.resolve();
  #chunk = FIRST_CHUNK;
  #next = 0;

  constructor(sink: EntrySink) {
    this.#sink = sink;
    this.#filling = new EntryArena(sink.layout, 64);
    this.#spare = new EntryArena(sink.layout, 64);
  }

  /** Take one more. Returns a promise only when the caller has to wait. */
  push(entry: unknown): Promise<void> | undefined {
    try {
      this.#filling.push(entry);
      this.#indexes?.push(this.#next);
    } catch (err) {
      if (!(err instanceof ValidationError)) throw err;
      const index = this.#next;
      const error = err.under(`[${String(index)}]`);
      if (this.#sink.stop) return this.#refuse(error);
      this.#malformed.push({ index, entry: typeof entry === 'string' ? entry : show(entry), error });
      this.#indexes ??= Array.from(
        { length: this.#filling.count },
        (_, n) => index - this.#filling.count + n,
      );
    }
    this.#next++;
    if (this.#filling.count + this.#malformed.length >= this.#chunk) return this.#send();
    // The clock is read every few entries; an iterable that is slow itself is held to the same slices.
    if ((this.#next & 15) === 0 && this.#sink.slice.over) return this.#rest();
    return undefined;
  }

  async finish(): Promise<void> {
    if (this.#filling.count > 0 || this.#malformed.length > 0) await this.#send();
    await this.#flight;
  }

  /** Wait for the chunk that is with the kernel. @throws what it was refused for. */
  landed(): Promise<void> {
    return this.#flight;
  }

  /** What stands before it goes first: it stays, and may be refused itself. */
  async #refuse(error: ValidationError): Promise<void> {
    await this.finish();
    throw this.#sink.ended(error);
  }

  async #rest(): Promise<void> {
    await this.#sink.slice.rest();
    this.#sink.signal?.throwIfAborted();
  }

  /** Hand the filled arena over as soon as the previous one is settled; go on filling the other. */
  async #send(): Promise<void> {
    await this.#flight;
    if (this.#sink.slice.over) await this.#sink.slice.rest();
    this.#sink.signal?.throwIfAborted();
    const arena = this.#filling;
    const base = this.#next - arena.count;
    const indexes = this.#indexes;
    const malformed = this.#malformed;
    this.#filling = this.#spare;
    this.#spare = arena;
    this.#filling.reset();
    this.#indexes = undefined;
    this.#malformed = [];
    this.#chunk = Math.min(LAST_CHUNK, this.#chunk * 2);
    const where = (n: number): Position => ({ index: indexes?.[n] ?? base + n, entry: arena.text(n) });
    this.#flight = this.#sink.send(arena, where, malformed);
    // Its outcome is taken by the next #send, by finish() or by landed(), which may be later than the rejection.
    this.#flight.catch(() => undefined);
  }
}
