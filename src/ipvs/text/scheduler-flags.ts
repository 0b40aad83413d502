import { refuse } from './command-line-error.js';

/** Bits of a service's flag word (linux/ip_vs.h). */
const BITS = [0x8, 0x10, 0x20] as const;

/** All bits that belong to the scheduler. */
export const SCHEDULER_FLAGS: number = BITS[0] | BITS[1] | BITS[2];

interface FlagName {
  readonly bit: number;
  /** The scheduler that the name is for; any when absent. */
  readonly scheduler?: string;
}

const NAMES: ReadonlyMap<string, FlagName> = new Map<string, FlagName>([
  ['flag-1', { bit: BITS[0] }],
  ['flag-2', { bit: BITS[1] }],
  ['flag-3', { bit: BITS[2] }],
  ['sh-fallback', { bit: BITS[0], scheduler: 'sh' }],
  ['sh-port', { bit: BITS[1], scheduler: 'sh' }],
  ['mh-fallback', { bit: BITS[0], scheduler: 'mh' }],
  ['mh-port', { bit: BITS[1], scheduler: 'mh' }],
]);

/**
 * Bits of a comma-separated list of flag names; empty names count for nothing.
 * @throws CommandLineError for an unknown name, or one of another scheduler.
 */
export function parseSchedulerFlags(text: string, scheduler: string): number {
  let bits = 0;
  for (const name of text.split(',')) {
    if (name === '') continue;
    const flag = NAMES.get(name) ?? refuse(`invalid scheduler flag \`${name}'`);
    if (flag.scheduler !== undefined && flag.scheduler !== scheduler) {
      refuse(`incompatible scheduler flag \`${name}'`);
    }
    bits |= flag.bit;
  }
  return bits;
}

/** Names of the scheduler bits of a flag word, as ipvsadm prints them; it has no name for the third one of `sh` and `mh`. */
export function flagNames(flags: number, scheduler: string): readonly string[] {
  return [...NAMES]
    .filter(([name, flag]) =>
      scheduler === 'sh' || scheduler === 'mh' ? flag.scheduler === scheduler : name.startsWith('flag-'),
    )
    .filter(([, { bit }]) => (flags & bit) !== 0)
    .map(([name]) => name);
}
