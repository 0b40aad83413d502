import { ValidationError } from '../errors.js';

/** True for what can carry named options: an object that is no array. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `weight` at the root, `realServers[3].weight` below a path. */
export function at(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/**
 * Refuse keys that mean nothing here, so that a typo is not lost silently. Keys whose value is undefined count as absent.
 * @throws ValidationError naming the key's path.
 */
export function checkKeys(value: object, known: readonly string[], path: string): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const held: unknown = Reflect.get(value, key);
    if (held !== undefined) {
      throw new ValidationError(at(path, key), `no such option; known are ${known.join(', ')}`, held);
    }
  }
}

/**
 * The value as an object with known keys only; absent stays absent. `root` is what the value itself is called where `path` is empty.
 * @throws ValidationError
 */
export function optionsAt(
  value: unknown,
  known: readonly string[],
  path: string,
  root = 'attributes',
): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (!isObject(value)) {
    throw new ValidationError(path === '' ? root : path, `an object with ${known.join(', ')}`, value);
  }
  checkKeys(value, known, path);
  return value;
}

/** A boolean; absent is false. @throws ValidationError */
export function booleanAt(value: unknown, path: string): boolean {
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw new ValidationError(path, 'true or false', value);
}

/**
 * Options of a call: `signal`, and booleans by the names given. An unknown one is refused before anything is sent.
 * @throws ValidationError naming `options.NAME`.
 */
export function checkOptions(options: object, booleans: readonly string[] = []): void {
  const given = optionsAt(options, ['signal', ...booleans], 'options');
  for (const name of booleans) booleanAt(given[name], `options.${name}`);
  if (given['signal'] !== undefined && !(given['signal'] instanceof AbortSignal)) {
    throw new ValidationError('options.signal', 'an AbortSignal', given['signal']);
  }
}
