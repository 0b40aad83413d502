/**
 * Every error that this package throws on purpose.
 *
 * Errors carry a brand that is the same in every copy of the package, so the predicates at the end of this file
 * (`isNotFound(err)` …) and `instanceof` keep working when an application has installed the package twice.
 */

const BRAND: unique symbol = Symbol.for('ipvs.error');

function brandOf(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null || !(BRAND in value)) return [];
  const brand: unknown = value[BRAND];
  return Array.isArray(brand) ? brand.filter((name): name is string => typeof name === 'string') : [];
}

/** Base of all errors of this package. Not thrown itself. */
export abstract class IpvsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    const names: string[] = [];
    for (
      let c: unknown = new.target;
      typeof c === 'function' && c.name !== 'Error' && c.name !== '';
      c = Object.getPrototypeOf(c)
    ) {
      names.push(c.name);
    }
    // Names of this class and its ancestors; read by the predicates and by `instanceof`.
    Object.defineProperty(this, BRAND, { value: names, enumerable: false });
    Object.defineProperty(this, 'name', { value: new.target.name, enumerable: false, configurable: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return brandOf(value).includes(this.name);
  }
}

/** Input was refused before anything was sent to the kernel. */
export class ValidationError extends IpvsError {
  /** Machine-readable code, always `ERR_INVALID_INPUT`. */
  readonly code = 'ERR_INVALID_INPUT';
  /** Where the bad value is: `realServers[3].port`, `spec.ports[0].protocol`, `line 17`. */
  readonly path: string;
  /** What would have been accepted, in words: `an integer from 0 to 65535`. */
  readonly expected: string;
  /** The value that was received, as it came. */
  readonly received: unknown;
  /** Of a bulk operation that takes its input as it goes: how many items before this one took effect. */
  readonly applied?: number;

  constructor(
    path: string,
    expected: string,
    received: unknown,
    options?: ErrorOptions & { readonly applied?: number },
  ) {
    super(`${path}: expected ${expected}, received ${show(received)}`, options);
    this.path = path;
    this.expected = expected;
    this.received = received;
    if (options?.applied !== undefined) this.applied = options.applied;
  }

  /** The same error seen from further out: `under('entries[3]')` turns `port` into `entries[3].port`. */
  under(prefix: string): ValidationError {
    const joined =
      this.path === '' ? prefix : this.path.startsWith('[') ? prefix + this.path : `${prefix}.${this.path}`;
    return new ValidationError(joined, this.expected, this.received, { cause: this });
  }
}

/** A line of a restore was refused; those before it were run. The cause says by whom and why. */
export class RestoreError extends IpvsError {
  /** That of the cause: `ERR_INVALID_INPUT`, `IPSET_ERR_EXIST`, `ENOENT` … */
  readonly code: string;
  /** From 1 on. */
  readonly line: number;
  /** A ValidationError when the line makes no sense, a NetlinkError when the kernel refused. */
  override readonly cause: ValidationError | NetlinkError;

  constructor(line: number, cause: ValidationError | NetlinkError) {
    // A faulty value names its line already.
    super(cause instanceof ValidationError ? cause.message : `line ${String(line)}: ${cause.message}`, {
      cause,
    });
    this.line = line;
    this.cause = cause;
    this.code = cause.code;
  }
}

/** What the kernel's extended acknowledgement said, where it said anything. */
export interface ExtendedAck {
  /** Human-readable text from the kernel. */
  readonly message?: string;
  /** Offset in bytes of the attribute in the request that the kernel complains about. */
  readonly offset?: number;
}

/** The facts of a kernel refusal, from which the error classes below are made. */
export interface NetlinkErrorInit {
  /** `EEXIST`, `IPSET_ERR_BUSY`, … */
  readonly code: string;
  /** Negative, as in Node's own errors; ipset's private codes are kept (`-4100`). */
  readonly errno: number;
  /** What was tried, subsystem first: `ipvs.add`, `ipset.create`, `link.addAddresses`. */
  readonly operation: string;
  /** What it was tried on: `tcp://10.0.0.1:80 -> 192.0.2.9:8080`, `set web entry 10.0.0.1`. */
  readonly target?: string;
  /** One sentence of plain words: what the kernel's answer means for this operation. */
  readonly meaning: string;
  /** What the reader can do about it, where that can be worked out. */
  readonly hint?: string;
  readonly extack?: ExtendedAck;
  /** Index of the refused item in the input of a bulk operation. */
  readonly position?: number;
  /** How many items of a bulk operation took effect. */
  readonly applied?: number;
  readonly cause?: unknown;
}

/**
 * The kernel refused a request. Subclasses say which decision the caller has to make; `code` has the exact answer.
 * The class is chosen by operation and errno together, since the same errno means different things per operation.
 */
export class NetlinkError extends IpvsError {
  readonly code: string;
  readonly errno: number;
  readonly operation: string;
  readonly target?: string;
  readonly hint?: string;
  readonly extack?: ExtendedAck;
  readonly position?: number;
  readonly applied?: number;

  constructor(init: NetlinkErrorInit) {
    const on = init.target === undefined ? '' : ` ${init.target}`;
    const said = init.extack?.message === undefined ? '' : `; the kernel says: ${init.extack.message}`;
    const hint = init.hint === undefined ? '' : `\n  hint: ${init.hint}`;
    super(
      `${init.operation}${on}: ${init.meaning} [${init.code}]${said}${hint}`,
      init.cause === undefined ? undefined : { cause: init.cause },
    );
    this.code = init.code;
    this.errno = init.errno;
    this.operation = init.operation;
    if (init.target !== undefined) this.target = init.target;
    if (init.hint !== undefined) this.hint = init.hint;
    if (init.extack !== undefined) this.extack = init.extack;
    if (init.position !== undefined) this.position = init.position;
    if (init.applied !== undefined) this.applied = init.applied;
  }
}

/** The virtual server, real server, set, entry, link or address does not exist. */
export class NotFoundError extends NetlinkError {}
/** It exists already. */
export class AlreadyExistsError extends NetlinkError {}
/** A capability is missing; the hint names it and the user namespace it is needed in. */
export class PermissionError extends NetlinkError {}
/** The running kernel lacks it: module not loaded, set type unknown, attribute too new. */
export class UnsupportedError extends NetlinkError {}
/** Something refers to the set, or is listing it just now. */
export class BusyError extends NetlinkError {}
/** The kernel understood the request and found a value unacceptable. */
export class InvalidArgumentError extends NetlinkError {}
/** The set is at `maxelem`, or its hash cannot grow. */
export class SetFullError extends NetlinkError {}
/** A set of this name exists with another type, family or parameters. */
export class SetTypeMismatchError extends NetlinkError {}
/** The outcome of some requests is not known: the kernel dropped replies. Read the state again. */
export class OutcomeUnknownError extends NetlinkError {}
/** A reply made no sense; a bug here or in the kernel. */
export class ProtocolError extends NetlinkError {}

/** The native part cannot be used on this machine; the message says why and what to install. */
export class AddonUnavailableError extends IpvsError {
  readonly code = 'ERR_ADDON_UNAVAILABLE';
  /** What to do about it. */
  readonly hint: string;

  constructor(reason: string, hint: string, options?: ErrorOptions) {
    super(`${reason}\n  hint: ${hint}`, options);
    this.hint = hint;
  }
}

/** A handle was used after `close()`. */
export class ClosedError extends IpvsError {
  readonly code = 'ERR_CLOSED';

  constructor(what: string) {
    super(`${what} is closed`);
  }
}

const LINE_MAX = 300;
const isLong = (line: string): boolean => line.length > LINE_MAX;
/** A line as it fits into a message. */
const brief = (line: string): string => (isLong(line) ? `${line.slice(0, LINE_MAX)}…` : line);

/** A helper program (`iptables-restore`, `nft`) failed or is missing. */
export class CommandError extends IpvsError {
  readonly code: 'ERR_COMMAND_FAILED' | 'ERR_COMMAND_MISSING';
  /** Program and arguments, as executed (no shell is involved). */
  readonly argv: readonly string[];
  /** Exit code; undefined when the program could not be started or died of a signal. */
  readonly exitCode?: number;
  readonly stderr: string;
  /** Line of the input that the program refused, 1-based, where it said so. */
  readonly line?: number;
  /** The text of that line. */
  readonly lineText?: string;
  /** The words of that line that it refused, where it said so (nft does): one element out of many. */
  readonly refused?: string;
  /**
   * What the program had changed for good before it refused the rest: tables of iptables, each of which is a transaction of its own.
   * Empty when nothing was changed; undefined when that is not known.
   */
  readonly committed?: readonly string[];
  readonly hint?: string;

  constructor(init: {
    readonly argv: readonly string[];
    readonly exitCode?: number;
    readonly stderr: string;
    readonly line?: number;
    readonly lineText?: string;
    readonly refused?: string;
    readonly committed?: readonly string[];
    readonly hint?: string;
    readonly missing?: boolean;
    readonly cause?: unknown;
  }) {
    const what = init.missing
      ? 'is not installed'
      : `failed${init.exitCode === undefined ? '' : ` with exit code ${String(init.exitCode)}`}`;
    const { lineText = '' } = init;
    const refused =
      init.refused !== undefined && isLong(lineText) ? ` (refused: ${brief(init.refused)})` : '';
    const line =
      init.line === undefined ? '' : ` at input line ${String(init.line)}: ${brief(lineText)}${refused}`;
    // Of a long line, nft repeats the whole, and marks what it refused far out on the right.
    const said = init.stderr
      .trim()
      .split('\n')
      .filter((text) => !isLong(text) || (text !== lineText && !/^[ ~^]*$/.test(text)));
    const stderr = said.join('') === '' ? '' : `\n  ${said.map(brief).join('\n  ')}`;
    const committed =
      (init.committed ?? []).length === 0
        ? ''
        : `\n  changed before that and kept: ${init.committed?.join(', ') ?? ''}`;
    const hint = init.hint === undefined ? '' : `\n  hint: ${init.hint}`;
    super(
      `${init.argv.join(' ')} ${what}${line}${stderr}${committed}${hint}`,
      init.cause === undefined ? undefined : { cause: init.cause },
    );
    this.code = init.missing ? 'ERR_COMMAND_MISSING' : 'ERR_COMMAND_FAILED';
    this.argv = init.argv;
    this.stderr = init.stderr;
    if (init.exitCode !== undefined) this.exitCode = init.exitCode;
    if (init.line !== undefined) this.line = init.line;
    if (init.lineText !== undefined) this.lineText = init.lineText;
    if (init.refused !== undefined) this.refused = init.refused;
    if (init.committed !== undefined) this.committed = init.committed;
    if (init.hint !== undefined) this.hint = init.hint;
  }
}

const is =
  (name: string) =>
  (err: unknown): boolean =>
    brandOf(err).includes(name);

/** True for {@link NotFoundError} of any copy of this package. */
export const isNotFound: (err: unknown) => boolean = is('NotFoundError');
/** True for {@link AlreadyExistsError} of any copy of this package. */
export const isAlreadyExists: (err: unknown) => boolean = is('AlreadyExistsError');
/** True for {@link PermissionError} of any copy of this package. */
export const isPermission: (err: unknown) => boolean = is('PermissionError');
/** True for {@link UnsupportedError} of any copy of this package. */
export const isUnsupported: (err: unknown) => boolean = is('UnsupportedError');
/** True for {@link BusyError} of any copy of this package. */
export const isBusy: (err: unknown) => boolean = is('BusyError');
/** True for {@link ValidationError} of any copy of this package. */
export const isValidation: (err: unknown) => err is ValidationError = (err): err is ValidationError =>
  brandOf(err).includes('ValidationError');
/** True for {@link NetlinkError} and its subclasses of any copy of this package. */
export const isNetlinkError: (err: unknown) => err is NetlinkError = (err): err is NetlinkError =>
  brandOf(err).includes('NetlinkError');

/** A value as it is shown in an error message: short, quoted where it is text, never throwing. */
export function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null)
    return String(value);
  if (typeof value === 'symbol' || typeof value === 'function') return typeof value;
  try {
    const json: unknown = JSON.stringify(value);
    if (typeof json === 'string') return json.length > 80 ? `${json.slice(0, 77)}...` : json;
  } catch {
    // A cyclic or throwing object: its class is all that can be shown.
  }
  return Object.prototype.toString.call(value);
}

/** Names of the errno values that netlink replies use, by positive number (asm-generic/errno.h). */
const ERRNO: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  3: 'ESRCH',
  4: 'EINTR',
  5: 'EIO',
  6: 'ENXIO',
  7: 'E2BIG',
  9: 'EBADF',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  16: 'EBUSY',
  17: 'EEXIST',
  19: 'ENODEV',
  22: 'EINVAL',
  24: 'EMFILE',
  28: 'ENOSPC',
  30: 'EROFS',
  34: 'ERANGE',
  71: 'EPROTO',
  74: 'EBADMSG',
  75: 'EOVERFLOW',
  90: 'EMSGSIZE',
  92: 'ENOPROTOOPT',
  93: 'EPROTONOSUPPORT',
  95: 'EOPNOTSUPP',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  100: 'ENETDOWN',
  101: 'ENETUNREACH',
  105: 'ENOBUFS',
  110: 'ETIMEDOUT',
};

/** `ENOENT` for `-2` and for `2`; `ERRNO_123` for a number that has no name here. */
export function errnoName(errno: number): string {
  const n = Math.abs(errno);
  return ERRNO[n] ?? `ERRNO_${String(n)}`;
}
