import { access, constants, readFile, readlink } from 'node:fs/promises';
import { release } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import type { ModuleState, Tool } from './types.js';

/** What can be found out of the machine without asking netlink, loading anything or starting a program. */
export interface MachineFacts {
  /** `6.1.0-56-cloud-amd64` */
  readonly release: string;
  /** Whether a part of the kernel that may be a module can be had. */
  readonly module: (name: string) => ModuleState;
  /** CAP_NET_ADMIN is effective. */
  readonly netAdmin: boolean;
  /** Undefined where /proc does not say. */
  readonly initialUserNamespace: boolean | undefined;
  readonly tools: Readonly<Record<Tool, string | undefined>>;
}

/** Where facts are read. */
export interface MachineFiles {
  /** Undefined where there is no such file, or it cannot be read. */
  text(path: string): Promise<string | undefined>;
  link(path: string): Promise<string | undefined>;
  executable(path: string): Promise<boolean>;
}

const never = (): undefined => undefined;

const FILES: MachineFiles = {
  text: (path) => readFile(path, 'utf8').catch(never),
  link: (path) => readlink(path).catch(never),
  executable: (path) =>
    access(path, constants.X_OK).then(
      () => true,
      () => false,
    ),
};

/** Bit of CAP_NET_ADMIN (linux/capability.h). */
const CAP_NET_ADMIN = 12n;
/** Inode of the initial user namespace (PROC_USER_INIT_INO of linux/proc_ns.h). */
const INITIAL_USER_NAMESPACE = 'user:[4026531837]';

const TOOLS: readonly Tool[] = [
  'conntrack',
  'ip',
  'ip6tables-restore',
  'ipset',
  'iptables-restore',
  'iptables-save',
  'ipvsadm',
  'modprobe',
  'nft',
];

/** Look around. */
export async function machineFacts(
  files: MachineFiles = FILES,
  kernel: string = release(),
  path: string = process.env['PATH'] ?? '',
): Promise<MachineFacts> {
  const folder = `/lib/modules/${kernel}`;
  const [loaded, builtin, dependencies, disabled, status, user] = await Promise.all([
    files.text('/proc/modules'),
    files.text(`${folder}/modules.builtin`),
    files.text(`${folder}/modules.dep`),
    files.text('/proc/sys/kernel/modules_disabled'),
    files.text('/proc/self/status'),
    files.link('/proc/self/ns/user'),
  ]);
  const isLoaded = new Set(loaded?.split('\n').map((line) => line.split(' ', 1)[0]));
  const isBuiltin = new Set(builtin?.split('\n').map(moduleName));
  const isFile = new Set(dependencies?.split('\n').map(moduleName));
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  return {
    release: kernel,
    module: (name) => {
      if (isLoaded.has(name)) return 'loaded';
      if (isBuiltin.has(name)) return 'builtin';
      if (isFile.has(name)) return disabled?.trim() === '1' ? 'absent' : 'loadable';
      // In a container the host may have it: it is the host's kernel that loads it.
      return dependencies === undefined ? 'unknown' : 'absent';
    },
    netAdmin: effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n,
    initialUserNamespace: user === undefined ? undefined : user === INITIAL_USER_NAMESPACE,
    tools: Object.fromEntries(
      await Promise.all(TOOLS.map(async (tool) => [tool, await locate(files, tool, path)] as const)),
    ) as Record<Tool, string | undefined>,
  };
}

/** `ip_vs_rr` of `kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz: kernel/…`. Files may have dashes where modules have underscores. */
function moduleName(line: string): string {
  const file = line.split(':', 1)[0]?.split('/').at(-1) ?? '';
  return (file.split('.ko', 1)[0] ?? '').replaceAll('-', '_');
}

/** Where programs of administrators live, for those whose PATH leaves them out. */
const SYSTEM = ['/usr/sbin', '/sbin'];

async function locate(files: MachineFiles, tool: Tool, path: string): Promise<string | undefined> {
  for (const folder of [...path.split(delimiter), ...SYSTEM]) {
    if (!isAbsolute(folder)) continue;
    const file = join(folder, tool);
    if (await files.executable(file)) return file;
  }
  return undefined;
}
