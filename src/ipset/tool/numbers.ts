import { syntaxError } from './error.js';

const U64 = 2n ** 64n;
const PLAIN = /^(?:0|[1-9]\d{0,14})$/;

/**
 * A number as strtoull(3) in base 0 reads it: leading white space, a sign (negative ones wrap around), `0x` for hexadecimal, `0` for
 * octal. 'invalid' when the text is no number to its end, 'range' when it does not fit into 64 bits.
 */
function readUnsigned(text: string): bigint | 'invalid' | 'range' {
  const match = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.exec(text);
  if (match === null) return 'invalid';
  const [, sign, digits = ''] = match;
  const octal = digits.length > 1 && /^0[0-7]/.test(digits);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  if (value >= U64) return 'range';
  return sign === '-' && value > 0n ? U64 - value : value;
}

/** @throws ToolError when it is no number, or out of bounds (both inclusive) */
export function bigNumber(text: string, min: bigint, max: bigint): bigint {
  const value = readUnsigned(text);
  if (value === 'invalid') throw syntaxError(`'${text}' is invalid as number`);
  if (value === 'range' || value < min || value > max) {
    throw syntaxError(`'${text}' is out of range ${min}-${max}`);
  }
  return value;
}

/** {@link bigNumber} for what a `number` holds. */
export function number(text: string, min: number, max: number): number {
  if (PLAIN.test(text)) {
    const value = Number(text);
    if (value >= min && value <= max) return value;
  }
  return Number(bigNumber(text, BigInt(min), BigInt(max)));
}

/** A prefix length: any number up to 255 is one, then it has to fit. */
export function prefixLength(text: string, min: number, max: number): number {
  const value = number(text, 0, 255);
  if (value < min || value > max) throw syntaxError(`'${text}' is out of range ${min}-${max}`);
  return value;
}
