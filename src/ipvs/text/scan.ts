import { CommandLineError } from './command-line-error.js';
import { type Meaning, SWITCHES, type Switch } from './switches.js';

/** One option of a command line. */
export interface Scanned {
  readonly meaning: Meaning;
  /** Undefined for switches without one, and where an optional one is absent. */
  readonly argument: string | undefined;
  /** The word of the command line that it came in, as messages show it: `-nc` for the `c` of `-nc`. */
  readonly word: string;
}

const LONG: ReadonlyMap<string, Switch> = new Map(SWITCHES.map((entry) => [entry.long, entry]));
const SHORT: ReadonlyMap<string, Switch> = new Map(
  SWITCHES.flatMap((entry) => (entry.short === undefined ? [] : [[entry.short, entry] as const])),
);

const syntax = (word: string, problem: string): CommandLineError =>
  new CommandLineError('syntax', `${word}: ${problem}`);

/**
 * Reads words as popt(3) does, one option at a time:
 *
 * - `--name`, `--name=value`, `--name value`; names are never abbreviated;
 * - `-n`, `-nc`, `-w5`, `-w=5`, `-w 5`: what follows in the word is the argument of an option that takes one;
 * - an optional argument is taken from the next word unless that begins with a dash;
 * - words that are no options are set aside, wherever they stand; behind `--` all are.
 */
export class Scanner {
  readonly #words: readonly string[];
  readonly #leftover: string[] = [];
  #at = 0;
  /** Letters of a word of short options that are still to be read. */
  #bundle: { readonly word: string; at: number } | undefined;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  /** Words that were no options, once `next` has come to the end. */
  get leftover(): readonly string[] {
    return this.#leftover;
  }

  /** The next option; undefined at the end. @throws CommandLineError (`syntax`) */
  next(): Scanned | undefined {
    if (this.#bundle !== undefined) return this.#short(this.#bundle);
    for (;;) {
      const word = this.#words[this.#at++];
      if (word === undefined) return undefined;
      if (word === '--') {
        this.#leftover.push(...this.#words.slice(this.#at));
        this.#at = this.#words.length;
        return undefined;
      }
      if (word.startsWith('--')) return this.#long(word);
      if (word.startsWith('-') && word !== '-') return this.#short({ word, at: 1 });
      this.#leftover.push(word);
    }
  }

  #long(word: string): Scanned {
    const equals = word.indexOf('=');
    const entry = LONG.get(word.slice(2, equals < 0 ? undefined : equals));
    if (entry === undefined) throw syntax(word, 'unknown option');
    const attached = equals < 0 ? undefined : word.slice(equals + 1);
    if (entry.argument === 'none') {
      if (attached !== undefined) throw syntax(word, 'option does not take an argument');
      return { meaning: entry.meaning, argument: undefined, word };
    }
    return { meaning: entry.meaning, argument: attached ?? this.#following(entry, word), word };
  }

  #short(bundle: { readonly word: string; at: number }): Scanned {
    const { word } = bundle;
    const entry = SHORT.get(word[bundle.at++] ?? '');
    if (entry === undefined) throw syntax(word, 'unknown option');
    const rest = word.slice(bundle.at);
    this.#bundle = entry.argument === 'none' && rest !== '' ? bundle : undefined;
    if (entry.argument === 'none') return { meaning: entry.meaning, argument: undefined, word };
    const attached = rest === '' ? undefined : rest.replace(/^=/, '');
    return { meaning: entry.meaning, argument: attached ?? this.#following(entry, word), word };
  }

  #following(entry: Switch, word: string): string | undefined {
    const next = this.#words[this.#at];
    if (entry.argument === 'optional' && (next === undefined || next.startsWith('-'))) return undefined;
    if (next === undefined) throw syntax(word, 'missing argument');
    this.#at++;
    return next;
  }
}
