import { readFile } from 'node:fs/promises';

/** A file's text. @throws what reading throws, always with the path: for a directory Node leaves it out. */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (err) {
    throw err instanceof Error ? Object.assign(err, { path }) : err;
  }
}
