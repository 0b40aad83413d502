/**
 * The words of a line behind `from`, as `ipset restore` takes them apart: separated by white space; a word in double quotes ends at
 * the next quote that white space or the end follows, and is given without its quotes.
 * @returns undefined when a quote is not closed
 */
export function splitWords(text: string, from = 0): string[] | undefined {
  const words: string[] = [];
  let i = from;
  for (;;) {
    while (i < text.length && isSpace(text.charCodeAt(i))) i++;
    if (i >= text.length) return words;
    const start = i;
    if (text.charCodeAt(i) === QUOTE) {
      do i = text.indexOf('"', i + 1);
      while (i >= 0 && i + 1 < text.length && !isSpace(text.charCodeAt(i + 1)));
      if (i < 0) return undefined;
      words.push(text.slice(start + 1, i));
      i++;
    } else {
      while (i < text.length && !isSpace(text.charCodeAt(i))) i++;
      words.push(text.slice(start, i));
    }
  }
}

const QUOTE = 34;

/** Space, tab, line feed, carriage return. */
function isSpace(c: number): boolean {
  return c === 32 || c === 9 || c === 10 || c === 13;
}
