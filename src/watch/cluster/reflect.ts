import { isObject, type Json, listAt, objectAt, optionalText } from '../../proxy/fields.js';
import { backOff, isAborted, pause } from '../pause.js';
import type { Log } from '../types.js';
import { ApiError, type Connection } from './connection.js';

/** Objects of one kind: where they are, and what to do with them. */
export interface Reflection {
  /** Plural: `services`. */
  readonly kind: string;
  /** `/api/v1/services` */
  readonly path: string;
  readonly selector: Readonly<Record<string, string>>;
  /** These are all there are. */
  listed(objects: readonly Json[]): void;
  /** One was added or changed. */
  upserted(object: Json): void;
  removed(object: Json): void;
}

/** How long the server is asked to keep a stream of changes open, in seconds: five to ten minutes, as other clients do. */
const watchSeconds = (): number => Math.round(300 + Math.random() * 300);
/** A stream that ends before that without a word, in milliseconds, is a failure: to ask again at once would go on for ever. */
const SHORTEST = 1000;
const GONE = 410;

function versionOf(object: Json): string {
  return optionalText(objectAt(object, 'metadata', ''), 'resourceVersion', 'metadata') ?? '';
}

/** One kind of objects, listed once and followed from there. */
class Reflector {
  readonly #connection: Connection;
  readonly #what: Reflection;
  readonly #answered: () => void;
  /** What is known; undefined: everything has to be listed. */
  #version: string | undefined;
  /** Any state that the server has at hand will do the first time; not after it forgot one that we had. */
  #listFrom: Readonly<Record<string, string>> = { resourceVersion: '0' };

  /** @param answered Called whenever the server has shown that it answers. */
  constructor(connection: Connection, what: Reflection, answered: () => void) {
    this.#connection = connection;
    this.#what = what;
    this.#answered = answered;
  }

  forget(): void {
    this.#version = undefined;
    this.#listFrom = {};
  }

  /** List when that is needed, then follow until the stream ends. */
  async follow(signal: AbortSignal): Promise<void> {
    const { path, selector } = this.#what;
    if (this.#version === undefined) {
      const list = await this.#connection.get(path, { ...selector, ...this.#listFrom }, signal);
      this.#what.listed(listAt(list, 'items', '').filter(isObject));
      this.#version = versionOf(list);
    }
    const seconds = watchSeconds();
    const query = {
      ...selector,
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#version,
      timeoutSeconds: String(seconds),
    };
    // A server that has forgotten about the stream does not end it either.
    const stop = AbortSignal.any([signal, AbortSignal.timeout((seconds + 30) * 1000)]);
    const began = Date.now();
    let heard = false;
    try {
      for await (const event of this.#connection.stream(path, query, stop)) {
        this.#event(event);
        heard = true;
        this.#answered();
      }
    } catch (err) {
      if (!stop.aborted) throw err;
    }
    if (!heard && Date.now() - began < SHORTEST && !stop.aborted)
      throw new Error('the stream of changes ended at once');
    this.#answered();
  }

  #event(event: Json): void {
    const object = objectAt(event, 'object', '');
    switch (event['type']) {
      case 'ADDED':
      case 'MODIFIED':
        this.#what.upserted(object);
        break;
      case 'DELETED':
        this.#what.removed(object);
        break;
      case 'ERROR': {
        const message = optionalText(object, 'message', '') ?? 'the server ended the stream of changes';
        throw new ApiError(message, Number(object['code'] ?? 0));
      }
      default: // BOOKMARK: nothing but a version.
        break;
    }
    this.#version = versionOf(object);
  }
}

/**
 * Tell about all objects of a kind, and then about each change, until the signal is aborted. A lost connection is taken up where it ended; what
 * happened meanwhile comes then. Everything is listed again when the server does not know that place any more. Nothing is said to be removed
 * because it cannot be asked about.
 */
export async function reflect(
  connection: Connection,
  what: Reflection,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  let said: string | undefined;
  const reflector = new Reflector(connection, what, () => {
    failures = 0;
    if (said !== undefined) log.info('the API server answers again', { kind: what.kind });
    said = undefined;
  });
  while (!signal.aborted) {
    try {
      await reflector.follow(signal);
    } catch (err) {
      if (isAborted(signal)) return;
      const error = err instanceof Error ? err : new Error(String(err));
      const { status = 0, retryAfter = 0 } = error instanceof ApiError ? error : {};
      if (status === GONE) reflector.forget();
      // Once for each thing that is wrong, not each time it is tried.
      else if (said !== error.message) {
        said = error.message;
        log.warn(`cannot watch ${what.kind}; what is known stays, and it is tried again`, { error: said });
      }
      if (status !== GONE || failures > 0) await pause(Math.max(retryAfter, backOff(failures)), signal);
      failures++;
    }
  }
}
