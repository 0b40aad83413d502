import { type Entry, cpio } from './cpio.js';
import { type Options } from './options.js';
import { type Share } from './share.js';

/** Environment variables that the command sees as it would outside. */
const PASSED = new Set([
  'PATH', 'HOME', 'USER', 'LANG', 'LANGUAGE', 'TZ', 'CI', 'COLORTERM', 'FORCE_COLOR', 'NO_COLOR', 'DEBUG',
  'LD_PRELOAD', 'ASAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS', 'SSL_CERT_FILE',
]); // prettier-ignore
const PASSED_PREFIXES = ['NODE_', 'IPVS_', 'VITEST', 'LC_'];

/** What one run adds to the initramfs: the command, its environment and the settings of guest/run. */
export interface Job {
  readonly options: Options;
  readonly cwd: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Whether standard input is passed on. */
  readonly stdin: boolean;
  /** Size of the caller's terminal. */
  readonly terminal: { readonly rows: number; readonly columns: number };
  /** Folder with a folder of modules per kernel version. */
  readonly modules: string;
  readonly shares: readonly Share[];
}

/** A second archive that the kernel unpacks over the first. */
export function jobArchive(job: Job): Buffer {
  const entries: Entry[] = [
    { path: 'vm', folder: true },
    { path: 'vm/job', content: Buffer.from(script(job)) },
    { path: 'vm/settings', content: Buffer.from(settings(job)) },
  ];
  return cpio(entries);
}

function settings({ options, stdin, terminal, modules, shares }: Job): string {
  const values = {
    VM_TTY: options.tty ? 'yes' : 'no',
    VM_STDIN: stdin ? 'yes' : 'no',
    VM_ROWS: String(terminal.rows),
    VM_COLUMNS: String(terminal.columns),
    VM_MODULES: modules,
    VM_SHARES: shares.map(({ tag, folder }) => `${tag} ${folder}`).join('\n'),
  };
  return lines(Object.entries(values).map(([name, value]) => `${name}=${quoted(value)}`));
}

function script({ options, cwd, environment }: Job): string {
  const command = options.command.length > 0 ? options.command : ['bash', '-i'];
  const variables = Object.entries(guestEnvironment(options, environment));
  return lines([
    'unset VM_TTY',
    ...variables.map(([name, value]) => `export ${name}=${quoted(value)}`),
    `cd ${quoted(cwd)} || exit 125`,
    `exec ${command.map(quoted).join(' ')}`,
  ]);
}

function guestEnvironment(options: Options, host: NodeJS.ProcessEnv): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(host)) {
    if (value === undefined || !/^[A-Za-z_]\w*$/.test(name)) continue;
    if (PASSED.has(name) || PASSED_PREFIXES.some((prefix) => name.startsWith(prefix))) result[name] = value;
  }
  for (const text of options.environment) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? host[name] : text.slice(equals + 1);
    if (value !== undefined) result[name] = value;
  }
  result['PATH'] = `${result['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`;
  result['TERM'] = options.tty ? (host['TERM'] ?? 'linux') : 'dumb';
  result['IPVS_VM'] = '1';
  if (options.out !== undefined) result['IPVS_VM_OUT'] = options.out;
  return result;
}

/** One word for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
