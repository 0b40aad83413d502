import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ValidationError } from '../errors.js';

const MANIFEST = /\.(?:ya?ml|json)$/;

/** Files of a directory that can be manifests, by name; directories below are not entered. */
async function filesIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory, { withFileTypes: true }))
    .filter((entry) => !entry.isDirectory() && MANIFEST.test(entry.name))
    .map(({ name }) => name)
    .sort();
  if (names.length === 0)
    throw new ValidationError('--filename', 'a directory with .yaml, .yml or .json files', directory);
  return names.map((name) => join(directory, name));
}

/** The files behind a path: itself, or the manifests of the directory. @throws for what is not there, and for a directory without any. */
export async function manifestFiles(path: string): Promise<string[]> {
  return (await stat(path)).isDirectory() ? filesIn(path) : [path];
}
