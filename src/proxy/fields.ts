import { ValidationError } from '../errors.js';

/** Readers of untyped fields. Absent and null are the same, as they are to the Kubernetes API. */

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `spec.ports` below `spec`; the empty path is the object itself. */
export function below(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** @throws ValidationError when it is there and no object. */
export function objectAt(parent: Json, key: string, path: string): Json {
  const value = parent[key] ?? {};
  if (!isObject(value)) throw new ValidationError(below(path, key), 'an object', value);
  return value;
}

/** @throws ValidationError when it is there and no list. */
export function listAt(parent: Json, key: string, path: string): readonly unknown[] {
  const value = parent[key] ?? [];
  if (!Array.isArray(value)) throw new ValidationError(below(path, key), 'a list', value);
  return value as readonly unknown[];
}

/** Objects of a list, with their paths. @throws ValidationError when it is no list of objects. */
export function objectsAt(parent: Json, key: string, path: string): readonly (readonly [Json, string])[] {
  return listAt(parent, key, path).map((item, i) => {
    const at = `${below(path, key)}[${i}]`;
    if (!isObject(item)) throw new ValidationError(at, 'an object', item);
    return [item, at] as const;
  });
}

/** @throws ValidationError when it is there and no text. */
export function optionalText(parent: Json, key: string, path: string): string | undefined {
  const value = parent[key] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw new ValidationError(below(path, key), 'text', value);
}

/** @throws ValidationError when it is absent, empty or no text. */
export function textAt(parent: Json, key: string, path: string): string {
  const value = parent[key];
  if (typeof value === 'string' && value !== '') return value;
  throw new ValidationError(below(path, key), 'a non-empty text', value);
}

/** @throws ValidationError when it is there and neither true nor false. */
export function booleanAt(parent: Json, key: string, path: string, absent: boolean): boolean {
  const value = parent[key] ?? absent;
  if (typeof value === 'boolean') return value;
  throw new ValidationError(below(path, key), 'true or false', value);
}

/** One of some words. @throws ValidationError when it is there and another. */
export function wordAt<T extends string>(
  parent: Json,
  key: string,
  path: string,
  words: readonly T[],
  absent: T,
): T {
  const value = parent[key] ?? absent;
  const word = words.find((w) => w === value);
  if (word === undefined) throw new ValidationError(below(path, key), `one of ${words.join(', ')}`, value);
  return word;
}

/** @throws ValidationError when it is there and no object with texts. */
export function textsByKey(parent: Json, key: string, path: string): Readonly<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(objectAt(parent, key, path))) {
    if (typeof value !== 'string') throw new ValidationError(`${below(path, key)}.${name}`, 'text', value);
    out[name] = value;
  }
  return out;
}
