/** What strtol(3) in base 16 reads at a position. */
function hexadecimal(text: string, at: number): { readonly value: number; readonly end: number } | undefined {
  HEXADECIMAL.lastIndex = at;
  const match = HEXADECIMAL.exec(text);
  if (match === null) return undefined;
  const [all, sign, digits = ''] = match;
  const value = Number.parseInt(digits, 16);
  return { value: sign === '-' ? -value : value, end: at + all.length };
}
const HEXADECIMAL = /[ \t\n\v\f\r]*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)/y;

/** Characters up to the next `:` or `,`. */
function tokenLength(text: string, at: number): number {
  let end = at;
  while (end < text.length && text[end] !== ':' && text[end] !== ',') end++;
  return end - at;
}

/**
 * The order of `ipset -sorted` (7.17): text is taken apart at every character that ends a hexadecimal number; numbers are compared as
 * numbers, other tokens by length and then by character; behind a `/` the greater number comes first, and what has a prefix length comes
 * behind what has none. It is not the order of the addresses everywhere (`10.0.0.0/16` before `10.0.0.0/8`), but it is the tool's.
 */
export function compareAsIpset(a: string, b: string): number {
  // The tool sorts lines with their ends.
  const left = `${a}\n`;
  const right = `${b}\n`;
  let i = 0;
  let j = 0;
  let direction = 1;
  while (i < left.length) {
    if (j >= right.length) return 1;
    const x = hexadecimal(left, i);
    const y = hexadecimal(right, j);
    if (x === undefined || y === undefined) {
      const n = tokenLength(left, i);
      const m = tokenLength(right, j);
      if (n === 0 && m === 0) return compareText(left.slice(i), right.slice(j));
      if (n !== m) return n - m;
      const order = compareText(left.slice(i, i + n), right.slice(j, j + m));
      if (order !== 0) return order;
      i += n + 1;
      j += m + 1;
      direction = 1;
      continue;
    }
    // The tool takes the difference for a 32-bit number.
    if (x.value !== y.value) return direction * ((x.value - y.value) | 0);
    const slash = left[x.end] === '/';
    if (slash !== (right[y.end] === '/')) return slash ? 1 : -1;
    if (slash) direction = -1;
    i = x.end + 1;
    j = y.end + 1;
    const colon = left[i] === ':';
    if (colon !== (right[j] === ':')) return colon ? -1 : 1;
    if (colon) {
      i++;
      j++;
    }
  }
  return j < right.length ? -1 : 0;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
