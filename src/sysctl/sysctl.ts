import { constants } from 'node:os';
import { errnoName, ValidationError } from '../errors.js';
import { sysctlError } from './errors.js';
import { ipvsSysctls } from './ipvs.js';
import { netnsFiles, ownFiles, type SysctlFiles } from './files.js';
import { sysctlPath } from './name.js';
import type { Sysctl } from './types.js';

/** A value as it is written: one line. @throws ValidationError */
function valueText(value: string | number): string {
  const text = typeof value === 'number' ? (Number.isInteger(value) ? String(value) : '') : value.trim();
  if (text === '' || /[\0\n]/.test(text))
    throw new ValidationError('value', 'one line of text, or an integer', value);
  return text;
}

/** Lists of numbers are printed with tabs and written with blanks. */
const sameValue = (a: string, b: string): boolean => a.split(/\s+/).join(' ') === b.split(/\s+/).join(' ');

/** Sysctls over anything that can read and write the files. */
export function sysctlOver(files: SysctlFiles): Sysctl {
  const read = async (
    operation: 'sysctl.get' | 'sysctl.set',
    path: string,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> => {
    const outcome = await files.read(path, signal);
    if ('text' in outcome) return outcome.text.trim();
    if (errnoName(outcome.errno) === 'ENOENT') return undefined;
    throw sysctlError(operation, path, outcome.errno, outcome.cause);
  };

  const sysctl: Pick<Sysctl, 'get' | 'set'> = {
    get: async (name, options) => {
      const path = sysctlPath(name);
      return read('sysctl.get', path, options?.signal);
    },
    set: async (name, value, options) => {
      const path = sysctlPath(name);
      const text = valueText(value);
      const signal = options?.signal;
      const before = await read('sysctl.set', path, signal);
      if (before === undefined) throw sysctlError('sysctl.set', path, constants.errno.ENOENT, undefined);
      if (sameValue(before, text)) return { name, before, after: before, changed: false };
      const outcome = await files.write(path, `${text}\n`, signal);
      if (!('text' in outcome)) throw sysctlError('sysctl.set', path, outcome.errno, outcome.cause);
      // The kernel may round or bound what it is given.
      const after = (await read('sysctl.set', path, signal)) ?? text;
      return { name, before, after, changed: before !== after };
    },
  };
  return { ...sysctl, ipvs: ipvsSysctls(sysctl) };
}

/**
 * Sysctls of one network namespace: of this process, when no path is given, else of the namespace behind the path.
 * Nothing is cached; concurrent calls are independent.
 */
export function createSysctl(netnsPath: string | undefined): Sysctl {
  return sysctlOver(netnsPath === undefined ? ownFiles : netnsFiles(netnsPath));
}
