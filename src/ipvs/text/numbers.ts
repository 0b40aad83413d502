const DECIMAL = /^[ \t\n\v\f\r]*([+-]?\d+)$/;

/**
 * A decimal number as strtol(3) in base 10 reads it, when it ends where the text ends: leading white space, a sign and leading zeros
 * are fine. Undefined for anything else and outside of the bounds (both inclusive).
 */
export function decimal(text: string, min: number, max: number): number | undefined {
  const digits = DECIMAL.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const value = Number(digits);
  return value >= min && value <= max ? value : undefined;
}

/** The number that a text begins with, as atoi(3) reads it: 0 where there is none. */
export function leadingInteger(text: string): number {
  return Number(/^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)?.[1] ?? 0);
}

/** One part of a classic address: decimal, octal behind a zero, hexadecimal behind `0x`. */
function part(text: string): number | undefined {
  if (/^0[xX][0-9a-fA-F]+$/.test(text)) return Number.parseInt(text.slice(2), 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}

/**
 * An IPv4 address in any of the forms of inet_aton(3), which the classic tools take and this package's own interfaces do not:
 * `10.1` is 10.0.0.1, `010.0.0.1` is 8.0.0.1, `0xa000001` and `167772161` are 10.0.0.1. Dotted with four parts on return.
 */
export function classicAddress(text: string): string | undefined {
  // inet_aton stops at white space.
  const parts = text
    .replace(/[ \t\n\v\f\r].*$/s, '')
    .split('.')
    .map(part);
  const last = parts.pop();
  if (last === undefined || parts.length > 3) return undefined;
  const bytes: number[] = [];
  for (const value of parts) {
    if (value === undefined || value > 255) return undefined;
    bytes.push(value);
  }
  const rest = 4 - bytes.length;
  if (last >= 256 ** rest) return undefined;
  for (let i = rest - 1; i >= 0; i--) bytes.push(Math.floor(last / 256 ** i) % 256);
  return bytes.map(String).join('.');
}
