import { ValidationError } from '../errors.js';
import {
  formatProblem,
  ManifestError,
  type KubeState,
  type Manifests,
  type ManifestText,
  readManifests,
} from '../proxy/index.js';
import { manifestFiles } from '../watch/manifest-files.js';
import { readTextFile } from '../watch/text-file.js';
import { type CliIo, ExitError } from './io.js';

const STDIN = 'stdin';

/** Objects that are good and that nothing is programmed for, as an error: what `--strict` makes of them. */
class LeftOutError extends ValidationError {
  constructor(objects: readonly LeftOut[]) {
    super(objects[0]?.object ?? 'manifests', 'objects that can be programmed', objects.length);
    this.message = linesOf(objects).join('\n');
  }
}

interface LeftOut {
  readonly object: string;
  readonly path?: string;
  readonly reason: string;
}

/** One line each; what two families say alike is said once. */
function linesOf(objects: readonly LeftOut[]): string[] {
  const lines = objects.map(
    ({ object, path = '', reason }) => `${object}: ${path === '' ? '' : `${path}: `}${reason}`,
  );
  return [...new Set(lines)];
}

/**
 * Say what is not programmed although somebody expects it to be: everything but what by its nature has nothing to program.
 * @throws ValidationError with `strict`, when there is anything.
 */
export function reportSkipped({ families }: KubeState, strict: boolean, io: CliIo): void {
  const skipped = families.flatMap((family) => family.skipped).filter(({ intended }) => !intended);
  if (skipped.length > 0 && strict) throw new LeftOutError(skipped);
  for (const line of linesOf(skipped)) io.err(`ipvs: note: ${line}\n`);
}

/** Texts behind `-f`: files, directories, `-` for standard input. @throws for what cannot be read. */
async function readTexts(names: readonly string[], io: CliIo): Promise<ManifestText[]> {
  const texts: ManifestText[] = [];
  for (const name of names) {
    if (name === '-') {
      texts.push({ file: STDIN, text: await io.readStdin() });
      continue;
    }
    for (const file of await manifestFiles(name)) texts.push({ file, text: await readTextFile(file) });
  }
  return texts;
}

/**
 * Read what `-f` names. Bad objects are reported on standard error and left out. Text that cannot be read as Kubernetes objects at
 * all always ends the command: to go on would mean to remove the services that it was to keep.
 * @throws ManifestError with `strict`, when any object is bad; ValidationError where nothing is said; ExitError after unreadable text; and what reading files throws.
 */
export async function loadManifests(
  names: readonly string[],
  {
    strict,
    mustSay,
  }: {
    readonly strict: boolean;
    /** Whether texts without anything in them are refused, as what a program that failed wrote: where they would take every service away. */
    readonly mustSay: boolean;
  },
  io: CliIo,
): Promise<Manifests> {
  const texts = await readTexts(names, io);
  const manifests = readManifests(texts);
  const { problems, empty } = manifests;
  const ignored = manifests.ignored.filter(({ intended }) => !intended);
  if (mustSay && (empty.length === texts.length || empty.includes(STDIN)))
    throw new ValidationError(
      '--filename',
      'Kubernetes objects, or a List without items where there are to be none',
      `nothing at all in ${empty.join(', ')}`,
    );
  if (problems.length > 0 && strict) throw new ManifestError(problems);
  if (ignored.length > 0 && strict) throw new LeftOutError(ignored);
  for (const problem of problems) {
    io.err(`ipvs: ${formatProblem(problem)}${problem.unreadable ? '' : ' (left out)'}\n`);
  }
  if (problems.some(({ unreadable }) => unreadable)) {
    io.err(
      'ipvs: nothing was done, since nobody knows which services such a text was to keep; correct it or leave it out\n',
    );
    throw new ExitError(1);
  }
  for (const { object, reason } of ignored) io.err(`ipvs: note: ${object} is left out: ${reason}\n`);
  return manifests;
}
