import { type FSWatcher, statSync, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ValidationError } from '../errors.js';
import { Wakeup } from '../proxier/wakeup.js';
import {
  formatProblem,
  ManifestError,
  type Manifests,
  type ManifestText,
  readManifests,
} from '../proxy/index.js';
import { isAborted, pause } from './pause.js';
import { manifestFiles } from './manifest-files.js';
import { readTextFile } from './text-file.js';
import type { Log, Sink, Source } from './types.js';

/** Files have to be left alone for so long, in milliseconds, before they are read: whoever writes one may need several writes. */
const SETTLED = 200;

export interface FilesOptions {
  /** Files and directories. */
  readonly paths: readonly string[];
  /** Look again at least so often, in milliseconds: not every file system says what happens to it. */
  readonly period: number;
  /** Whatever is wrong with an object is wrong with all files. */
  readonly strict: boolean;
}

/** Objects by what messages call them: `Service shop/web`. */
type Named<T> = ReadonlyMap<string, T>;

/**
 * Objects of a kind after another reading: those that are as they were are the same objects, which costs whoever is told about all of them nothing;
 * those that became invalid are not gone, and stay as they were.
 */
function carryOver<T extends { readonly namespace: string; readonly name: string }>(
  kind: string,
  items: readonly T[],
  before: Named<T>,
  invalid: ReadonlySet<string>,
): Named<T> {
  const after = new Map<string, T>();
  for (const item of items) {
    const name = `${kind} ${item.namespace}/${item.name}`;
    const known = before.get(name);
    after.set(name, known !== undefined && isDeepStrictEqual(known, item) ? known : item);
  }
  for (const [name, known] of before) if (invalid.has(name) && !after.has(name)) after.set(name, known);
  return after;
}

/** What there is and when it was last written. */
async function fingerprint(paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const path of paths) {
    try {
      for (const file of await manifestFiles(path)) {
        const { ino, size, mtimeNs } = await stat(file, { bigint: true });
        parts.push(`${file} ${ino.toString()} ${size.toString()} ${mtimeNs.toString()}`);
      }
    } catch (err) {
      parts.push(err instanceof Error ? err.message : String(err));
    }
  }
  return parts.join('\n');
}

/** Manifest files and directories, which are read again when something happens to them. */
export class FilesSource implements Source {
  readonly #options: FilesOptions;
  readonly #log: Log;
  readonly #wakeup = new Wakeup();
  #reload = false;
  /** The last good text of each file. */
  #good = new Map<string, ManifestText>();
  #services: Named<Manifests['services'][number]> = new Map();
  #slices: Named<Manifests['slices'][number]> = new Map();
  /** What is wrong. It is said once. */
  #wrong: ReadonlySet<string> = new Set();

  /** @throws ValidationError for standard input, which cannot be read twice. */
  constructor(options: FilesOptions, log: Log) {
    if (options.paths.includes('-'))
      throw new ValidationError('--filename', 'files and directories, which can be read again', '-');
    this.#options = options;
    this.#log = log;
  }

  get description(): string {
    return this.#options.paths.join(', ');
  }

  reload(): void {
    this.#reload = true;
    this.#wakeup.wake();
  }

  /** @throws what the first reading does: before anything is known, nothing could be kept. */
  async run(sink: Sink, signal: AbortSignal): Promise<void> {
    const watchers = this.#options.paths.flatMap((path) => this.#watch(path));
    try {
      let seen = await this.#settled(signal);
      await this.#read(sink);
      while (!signal.aborted) {
        await this.#wakeup.wait(this.#options.period, signal);
        const now = await this.#settled(signal);
        if (isAborted(signal) || (now === seen && !this.#reload)) continue;
        seen = now;
        this.#reload = false;
        try {
          await this.#read(sink);
        } catch (err) {
          const why = err instanceof Error ? err.message : String(err);
          this.#say([
            `${why} (nothing is changed before it is mended, since nobody knows which services it was to keep)`,
          ]);
        }
      }
    } finally {
      for (const watcher of watchers) watcher.close();
    }
  }

  /** Renaming puts another file in the place of one, so that it is the directory that is watched. */
  #watch(path: string): FSWatcher[] {
    try {
      const inside = statSync(path).isDirectory();
      const watcher = watch(inside ? path : dirname(path), (_, name) => {
        // Volumes of ConfigMaps change all their files by renaming `..data`.
        if (inside || name === null || name === basename(path) || name.startsWith('..')) this.#wakeup.wake();
      });
      watcher.on('error', (err) => this.#unwatched(path, err));
      return [watcher];
    } catch (err) {
      this.#unwatched(path, err);
      return [];
    }
  }

  #unwatched(path: string, err: unknown): void {
    const error = err instanceof Error ? err.message : String(err);
    this.#log.warn(`${path} cannot be watched; it is looked at every ${this.#options.period / 1000} s`, {
      error,
    });
  }

  /** The fingerprint, once nobody is writing any more. */
  async #settled(signal: AbortSignal): Promise<string> {
    for (;;) {
      const before = await fingerprint(this.#options.paths);
      await pause(SETTLED, signal);
      const after = await fingerprint(this.#options.paths);
      if (before === after || signal.aborted) return after;
    }
  }

  /** @throws for files that are missing, or that nobody knows the objects of. */
  async #read(sink: Sink): Promise<void> {
    const texts: ManifestText[] = [];
    for (const path of this.#options.paths)
      for (const file of await manifestFiles(path)) texts.push({ file, text: await readTextFile(file) });
    const read = readManifests(texts);
    const bad = read.problems.filter(({ unreadable }) => unreadable || this.#options.strict);
    // Whoever writes a file begins by emptying it, and may end there.
    const emptied = read.empty.filter((file) => !this.#isAsBefore(file, texts));
    const broken = new Set([
      ...bad.map(({ file }) => file),
      ...emptied.filter((file) => this.#good.has(file)),
    ]);
    if (bad.some(({ file }) => !this.#good.has(file))) throw new ManifestError(bad);
    if (emptied.length === texts.length && broken.size === 0)
      throw new ValidationError(
        '--filename',
        'Kubernetes objects, or a List without items',
        emptied.join(', '),
      );

    const good = texts.map((text) => (broken.has(text.file) ? (this.#good.get(text.file) ?? text) : text));
    const { services, slices, problems, ignored } = broken.size === 0 ? read : readManifests(good);
    const invalid = new Set(problems.map(({ object }) => object));
    const kept = (object: string): string =>
      this.#services.has(object) || this.#slices.has(object) ? 'its last good version stays' : 'left out';
    this.#say([
      ...bad.map((problem) => `${formatProblem(problem)} (the last good version of the file stays)`),
      ...emptied
        .filter((file) => broken.has(file))
        .map((file) => `${file}: there is nothing in it (the last good version of the file stays)`),
      ...problems.map((problem) => `${formatProblem(problem)} (${kept(problem.object)})`),
      ...ignored
        .filter(({ intended }) => !intended)
        .map(({ object, reason }) => `${object} is left out: ${reason}`),
    ]);
    this.#good = new Map(good.map((text) => [text.file, text]));
    this.#services = carryOver('Service', services, this.#services, invalid);
    this.#slices = carryOver('EndpointSlice', slices, this.#slices, invalid);
    sink.replace(this.#services.values(), this.#slices.values());
  }

  #isAsBefore(file: string, texts: readonly ManifestText[]): boolean {
    const before = this.#good.get(file);
    return before !== undefined && before.text === texts.find((text) => text.file === file)?.text;
  }

  #say(wrong: readonly string[]): void {
    for (const line of wrong) if (!this.#wrong.has(line)) this.#log.warn(line);
    if (wrong.length === 0 && this.#wrong.size > 0) this.#log.info('the manifests are in order again');
    this.#wrong = new Set(wrong);
  }
}
