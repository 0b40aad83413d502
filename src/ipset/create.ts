import { UnsupportedError, ValidationError } from '../errors.js';
import { parseAddress } from '../net/address.js';
import { Cmd, WithFlags, type CommandFields } from './command.js';
import type { AnswerContext } from './errors.js';
import { familyNumber } from './header.js';
import type { CheckedOptions } from './options.js';
import type { Versions } from './session.js';
import type { SetTypeSpec } from './set-types.js';
import type { CreateOptionName } from './types.js';

/** A set that was asked for. */
export interface CreateRequest {
  readonly name: string;
  readonly spec: SetTypeSpec;
  readonly options: CheckedOptions;
}

/** The options that a request really asks for. */
function givenOptions(options: CheckedOptions): CreateOptionName[] {
  return (Object.keys(options) as (keyof CheckedOptions)[]).filter(
    (name): name is CreateOptionName =>
      name !== 'revision' && options[name] !== undefined && options[name] !== false,
  );
}

/**
 * The lowest revision that carries an option. The hash's own parameters came with one revision, but the kernel looks at them only in sets
 * of its newest one, and ignores them in others.
 */
function neededFor(name: CreateOptionName, spec: SetTypeSpec, kernel: Versions): number {
  const revision = spec.revisionOf[name] ?? 0;
  return name === 'bucketSize' || name === 'initialValue' ? Math.max(revision, kernel.max) : revision;
}

/**
 * The revision to create a set with.
 * @param kernel the revisions that it offers
 * @throws UnsupportedError when it lacks the one that was asked for, or that an option needs; ValidationError when the one that was
 * asked for is too low for an option
 */
export function chooseRevision(request: CreateRequest, kernel: Versions, context: AnswerContext): number {
  const { spec, options } = request;
  let needed = 0;
  let needs: CreateOptionName | undefined;
  for (const name of givenOptions(options)) {
    const revision = neededFor(name, spec, kernel);
    if (revision <= needed) continue;
    needed = revision;
    needs = name;
  }
  if (needed > kernel.max) throw lacking(context, spec, kernel, needed, `${needs ?? ''} needs revision`);
  if (options.revision === 'newest') return kernel.max;
  if (options.revision === 'lowest') {
    return Math.max(kernel.min, needed, Math.min(spec.revision, kernel.max));
  }
  if (options.revision < needed) {
    throw new ValidationError(
      'options.revision',
      `at least ${String(needed)}, which ${needs ?? ''} needs`,
      options.revision,
    );
  }
  if (options.revision < kernel.min || options.revision > kernel.max) {
    throw lacking(context, spec, kernel, options.revision, 'wanted was revision');
  }
  return options.revision;
}

function lacking(
  context: AnswerContext,
  spec: SetTypeSpec,
  { min, max }: Versions,
  revision: number,
  why: string,
): UnsupportedError {
  const { operation, target } = context;
  return new UnsupportedError({
    code: 'ERR_SET_REVISION',
    errno: -4098,
    operation,
    ...(target === undefined ? {} : { target }),
    meaning: `the kernel has revisions ${String(min)} to ${String(max)} of ${spec.name}, and ${why} ${String(revision)}`,
    hint: 'a newer kernel, or creating the set without it',
  });
}

/** The request as the fields of a CREATE. */
export function createFields(request: CreateRequest, revision: number): Omit<CommandFields, 'protocol'> {
  const { name, spec, options } = request;
  const { family, range, bitmask } = options;
  let cadtFlags = 0;
  for (const flag of ['counters', 'comment', 'forceadd', 'skbinfo'] as const) {
    if (options[flag]) cadtFlags |= WithFlags[flag];
  }
  return {
    command: Cmd.create,
    name,
    name2: spec.name,
    family: familyNumber(family),
    revision,
    ...given('hashSize', options.hashSize),
    ...given('maxElem', options.maxElements),
    ...given('timeout', options.timeout),
    ...given('cadtFlags', cadtFlags === 0 ? undefined : cadtFlags),
    ...given('initVal', options.initialValue),
    ...given('markMask', options.markMask),
    ...given('listSize', options.size),
    ...given('netmask', options.netmask),
    ...given('bucketSize', options.bucketSize),
    ...(bitmask === undefined ? {} : { bitmask: parseAddress(bitmask, 'bitmask').bytes }),
    ...(range === undefined ? {} : rangeFields(range)),
  };
}

function given<K extends string>(key: K, value: number | undefined): Partial<Record<K, number>> {
  // A computed key is typed as any string.
  return value === undefined ? {} : ({ [key]: value } as Record<K, number>);
}

function rangeFields(
  range: readonly [number, number] | readonly [string, string],
): Pick<CommandFields, 'ports' | 'addresses'> {
  const [first, last] = range;
  if (typeof first === 'number' && typeof last === 'number') return { ports: [first, last] };
  return { addresses: [parseAddress(first, 'range').bytes, parseAddress(last, 'range').bytes] };
}
