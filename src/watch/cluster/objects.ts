import { isValidation } from '../../errors.js';
import type { ObjectRef } from '../../proxier/index.js';
import { type Json, objectAt, optionalText } from '../../proxy/fields.js';
import type { Log } from '../types.js';
import type { Reflection } from './reflect.js';

/** Whoever is told about the objects of a kind. */
export interface Listener<T> {
  /** All of them were read. */
  listed(): void;
  upserted(value: T): void;
  removed(ref: ObjectRef): void;
}

/** A text of the object's metadata; empty when there is none. */
function meta(object: Json, key: string): string {
  return optionalText(objectAt(object, 'metadata', ''), key, 'metadata') ?? '';
}

function refOf(object: Json): ObjectRef {
  return { namespace: meta(object, 'namespace'), name: meta(object, 'name') };
}

function keyOf(object: Json): string {
  const { namespace, name } = refOf(object);
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** Objects of a kind as they were last seen. One that cannot be used keeps its last good version. */
export class Objects<T> implements Pick<Reflection, 'listed' | 'upserted' | 'removed'> {
  readonly #kind: string;
  readonly #parse: (object: Json) => T | undefined;
  readonly #log: Log;
  readonly #listener: Listener<T>;
  #known = new Map<string, { readonly version: string; readonly value: T }>();

  /**
   * @param kind As in messages: `Service`.
   * @param parse What is read of an object; undefined when it is not for us. Throws ValidationError.
   */
  constructor(kind: string, parse: (object: Json) => T | undefined, log: Log, listener: Listener<T>) {
    this.#kind = kind;
    this.#parse = parse;
    this.#log = log;
    this.#listener = listener;
  }

  get values(): readonly T[] {
    return [...this.#known.values()].map(({ value }) => value);
  }

  listed(objects: readonly Json[]): void {
    const before = this.#known;
    this.#known = new Map();
    for (const object of objects) {
      const key = keyOf(object);
      const known = before.get(key);
      if (known !== undefined) this.#known.set(key, known);
      // The same version stays the same value, which costs whoever is told nothing.
      if (known?.version !== meta(object, 'resourceVersion')) this.#read(object);
    }
    this.#listener.listed();
  }

  upserted(object: Json): void {
    if (!this.#read(object)) return;
    const known = this.#known.get(keyOf(object));
    if (known === undefined) this.#listener.removed(refOf(object));
    else this.#listener.upserted(known.value);
  }

  removed(object: Json): void {
    this.#known.delete(keyOf(object));
    this.#listener.removed(refOf(object));
  }

  /** Whether the object makes sense. */
  #read(object: Json): boolean {
    const key = keyOf(object);
    try {
      const value = this.#parse(object);
      if (value === undefined) this.#known.delete(key);
      else this.#known.set(key, { version: meta(object, 'resourceVersion'), value });
      return true;
    } catch (err) {
      if (!isValidation(err)) throw err;
      const kept = this.#known.has(key) ? 'its last good version stays' : 'it is left out';
      this.#log.warn(`${this.#kind} ${key}: ${err.message} (${kept})`);
      return false;
    }
  }
}
