/** What the caller of scripts/vm asked for. */
export interface Options {
  /** Empty: an interactive shell. */
  readonly command: readonly string[];
  /** `default`, a version such as `6.12`, `newest`, or a path. */
  readonly kernel: string;
  /** For the command, from its start. 0: no limit. */
  readonly timeoutSeconds: number;
  /** From the start of QEMU until the guest is ready. */
  readonly bootTimeoutSeconds: number;
  readonly memoryMegabytes: number;
  readonly cpus: number;
  /** Words for the command line of the kernel besides ours: `ipv6.disable=1`. */
  readonly append: string;
  /** Run without a virtual machine where the host's own kernel has IPVS. */
  readonly ifNeeded: boolean;
  /** Give the command a terminal. */
  readonly tty: boolean;
  /** Folders that the guest shares read-write. */
  readonly writable: readonly string[];
  /** Folder for results, shared read-write; the guest finds it as IPVS_VM_OUT. */
  readonly out: string | undefined;
  /** `NAME` or `NAME=VALUE` to pass besides the usual ones. */
  readonly environment: readonly string[];
  /** Never use KVM. */
  readonly emulate: boolean;
  readonly verbose: boolean;
}

/** A wrong command line; the message is for the caller. */
export class UsageError extends Error {}

export const usage = `Usage: scripts/vm [OPTION…] [--] [COMMAND [ARGUMENT…]]

Runs COMMAND as root inside a throw-away virtual machine with a stock distribution kernel, over the
host's file system: same paths, same working directory. What it writes stays in the guest's memory.
Standard output, standard error, standard input (where it is a pipe or a file) and the exit status are
the command's. Without COMMAND: an interactive shell.

  --kernel NAME       6.1, 6.12 … (the latest of that series in the distribution's archive), newest,
                      a vmlinuz file or an unpacked kernel package    [the distribution's own kernel]
  --timeout SECONDS   time limit of COMMAND, 0 for none               [900; none for a shell]
  --memory MB         memory of the guest, its writable layer included [2048]
  --cpus N            processors of the guest                         [those of the host, at most 4]
  --append WORDS      more for the command line of the kernel, such as ipv6.disable=1
  --out FOLDER        share FOLDER read-write, as $IPVS_VM_OUT: results get out this way
  --write             share the working directory read-write as well
  --env NAME[=VALUE]  pass another environment variable (passed anyway: PATH, HOME, CI, TERM, LANG,
                      NODE_*, IPVS_*, VITEST* and a few more)
  --if-needed         run COMMAND directly where this kernel has IPVS and we are root
  --tty               give COMMAND a terminal; standard error is then part of standard output
  --emulate           do not use KVM even where it works
  --boot-timeout SECONDS                                              [120]
  --verbose           show the kernel's console

Exit status: the command's; 124 when its time limit passed; 125 when the virtual machine failed;
128 + N when signal N ended this program.
`;

/** Reads the command line. @throws UsageError */
export function parseOptions(argv: readonly string[], cwd: string, hostCpus: number): Options | 'help' {
  const values = {
    kernel: 'default',
    timeout: undefined as number | undefined,
    bootTimeout: 120,
    memory: 2048,
    cpus: Math.min(hostCpus, 4),
    append: '',
    out: undefined as string | undefined,
  };
  const flags = new Set<string>();
  const environment: string[] = [];
  let index = 0;

  const text = (name: string): string => {
    index += 1;
    const value = argv[index];
    if (value === undefined) throw new UsageError(`${name} needs a value`);
    return value;
  };
  const number = (name: string, least: number): number => {
    const value = text(name);
    if (!/^\d+$/.test(value) || Number(value) < least) {
      throw new UsageError(`${name} needs a whole number from ${least} on, not ${value}`);
    }
    return Number(value);
  };

  options: for (; index < argv.length; index += 1) {
    const name = argv[index] ?? '';
    switch (name) {
      case '-h':
      case '--help':
        return 'help';
      case '--kernel':
        values.kernel = text(name);
        break;
      case '--timeout':
        values.timeout = number(name, 0);
        break;
      case '--boot-timeout':
        values.bootTimeout = number(name, 1);
        break;
      case '--memory':
        values.memory = number(name, 256);
        break;
      case '--cpus':
        values.cpus = number(name, 1);
        break;
      case '--append':
        values.append = text(name);
        break;
      case '--out':
        values.out = text(name);
        break;
      case '--env':
        environment.push(text(name));
        break;
      case '--write':
      case '--if-needed':
      case '--tty':
      case '--emulate':
      case '--verbose':
        flags.add(name);
        break;
      case '--':
        index += 1;
        break options;
      default:
        if (name.startsWith('-')) throw new UsageError(`no such option: ${name} (see scripts/vm --help)`);
        break options;
    }
  }

  const command = argv.slice(index);
  return {
    command,
    kernel: values.kernel,
    timeoutSeconds: values.timeout ?? (command.length === 0 ? 0 : 900),
    bootTimeoutSeconds: values.bootTimeout,
    memoryMegabytes: values.memory,
    cpus: values.cpus,
    append: values.append,
    ifNeeded: flags.has('--if-needed'),
    tty: flags.has('--tty') || command.length === 0,
    writable: flags.has('--write') ? [cwd] : [],
    out: values.out,
    environment,
    emulate: flags.has('--emulate'),
    verbose: flags.has('--verbose'),
  };
}
