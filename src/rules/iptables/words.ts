/**
 * Words of iptables' restore and save text. Quoting follows `xtables_save_string()` and the splitter of iptables-restore
 * (libxtables/xtables.c, iptables/xshared.c), checked against iptables 1.8.9, nft and legacy.
 */

/** A word that iptables-save prints as it is. */
const PLAIN = /^[A-Za-z0-9_-]+$/;

/** One word as iptables-save prints it: plain, or in double quotes with a backslash before quotes, backslashes and apostrophes. */
export function quoteWord(text: string): string {
  return PLAIN.test(text) ? text : `"${text.replaceAll(/["'\\]/g, '\\$&')}"`;
}

/** A word of a line, and the text it was written as. */
export interface Word {
  readonly value: string;
  readonly source: string;
}

/**
 * Split a line into words. A closing quote ends a word even without a blank behind it, and backslashes mean something inside
 * quotes only, as in iptables-restore. Undefined when a quote is left open.
 */
export function splitWords(line: string): Word[] | undefined {
  const words: Word[] = [];
  let value = '';
  let start = -1;
  let quoted = false;
  for (let i = 0; i <= line.length; i++) {
    const c = line[i];
    if (quoted) {
      if (c === undefined) return undefined;
      if (c === '\\') {
        value += line[++i] ?? '';
      } else if (c === '"') {
        words.push({ value, source: line.slice(start, i + 1) });
        quoted = false;
        value = '';
        start = -1;
      } else {
        value += c;
      }
    } else if (c === '"') {
      if (start < 0) start = i;
      quoted = true;
    } else if (c === undefined || c === ' ' || c === '\t') {
      if (start >= 0) words.push({ value, source: line.slice(start, i) });
      value = '';
      start = -1;
    } else {
      if (start < 0) start = i;
      value += c;
    }
  }
  return words;
}
