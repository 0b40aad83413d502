import { ToolError } from './error.js';

/** Most words of a line: the tool counts its own name, too. */
const MAX_WORDS = 30;

/** Lines that are skipped: empty ones and comments. */
export function isBlank(line: string): boolean {
  return /^[ \t\n\v\f\r]*(?:#|$)/.test(line);
}

/**
 * Words of a line of a restore. Double quotes keep white space together wherever they stand and vanish; an empty pair is no word; a
 * backslash is a character like any other.
 *
 * @throws ToolError (`usage`) when a quote is not closed, or for more than 30 words
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word = '';
  let quoted = false;
  for (const c of line) {
    if (c === '"') quoted = !quoted;
    else if (!quoted && (c === ' ' || c === '\t' || c === '\r' || c === '\n')) {
      if (word !== '') words.push(word);
      word = '';
    } else word += c;
  }
  if (quoted) throw new ToolError('usage', 'Missing close quote!');
  if (word !== '') words.push(word);
  if (words.length > MAX_WORDS) throw new ToolError('usage', 'Line is too long to parse.');
  return words;
}

/** A word as it has to be written to come back whole. */
export function quoteWord(word: string): string {
  return word === '' || /[ \t\r\n]/.test(word) ? `"${word}"` : word;
}
