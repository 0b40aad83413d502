import { ValidationError } from '../errors.js';

/**
 * An integer within bounds (both inclusive), as given.
 * @throws ValidationError for anything else: strings, NaN, fractions, out of range.
 */
export function integerIn(value: unknown, min: number, max: number, path: string, unit = ''): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new ValidationError(
      path,
      `an integer from ${String(min)} to ${String(max)}${unit === '' ? '' : ` ${unit}`}`,
      value,
    );
  }
  return value;
}

/** A port number, 0 to 65535 unless `min` says otherwise. @throws ValidationError naming `path`. */
export function portNumber(value: unknown, path: string, min = 0): number {
  return integerIn(value, min, 65535, path);
}
