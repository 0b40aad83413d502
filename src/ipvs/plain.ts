/** The method by which `console.log` and the REPL show an object (node:util `inspect.custom`). */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** Own properties as plain data for JSON: handles become objects, `bigint` becomes a decimal string. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, plain(held)]));
}
