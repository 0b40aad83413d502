import { isValidation } from '../errors.js';

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

/**
 * An error as the one message that a user gets: what was wrong, where, and what to do about it where that is known. Errors of this
 * package say all of it themselves; no stack is shown.
 */
export function errorText(err: unknown): string {
  if (!(err instanceof Error)) return `ipvs: ${String(err)}`;
  if (isValidation(err)) return `ipvs: ${err.message}`;
  if ('path' in err && typeof err.path === 'string' && 'code' in err && typeof err.code === 'string') {
    return `ipvs: cannot read ${err.path}: ${FILE_ERRORS[err.code] ?? err.message}`;
  }
  return `ipvs: ${err.message}`;
}
