import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { type Share } from './share.js';

const PROGRAM = 'qemu-system-x86_64';

/** How the guest's instructions are executed. */
export type Accelerator = 'kvm' | 'tcg';

/** What QEMU is started with. */
export interface Machine {
  readonly accelerator: Accelerator;
  readonly memoryMegabytes: number;
  readonly cpus: number;
  /** Words for the kernel's command line. */
  readonly append: string;
  readonly image: string;
  readonly initrd: string;
  readonly console: string;
  readonly shares: readonly Share[];
  /** Sockets that we listen on, per port of the guest. */
  readonly ports: readonly { readonly name: string; readonly socket: string }[];
  readonly verbose: boolean;
}

/**
 * Whether KVM works: /dev/kvm may exist and every guest still die at its start (nested
 * virtualisation). A paused guest that obeys "quit" is proof enough to try.
 */
export function kvmWorks(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return false;
  }
  const { status } = spawnSync(
    PROGRAM,
    [...cpu('kvm'), '-S', '-nodefaults', '-no-user-config', '-display', 'none', '-monitor', 'stdio'],
    { input: 'quit\n', stdio: ['pipe', 'ignore', 'ignore'], timeout: 10_000 },
  );
  return status === 0;
}

/** The command line of QEMU. */
export function qemuCommand(machine: Machine): { command: string; args: string[] } {
  const { memoryMegabytes, cpus, image, initrd, shares, ports } = machine;
  const kernelArguments = [
    'console=ttyS0',
    machine.verbose ? '' : 'quiet',
    'panic=-1', // with -no-reboot: a panic ends QEMU
    'oops=panic',
    'mitigations=off',
    'nokaslr',
    'audit=0',
    'random.trust_cpu=on',
    'tsc=reliable',
    'rcupdate.rcu_expedited=1', // removing a namespace waits for several grace periods
    machine.append,
  ];
  const args = [
    ...['-M', 'q35', ...cpu(machine.accelerator), '-smp', String(cpus), '-m', `${memoryMegabytes}M`],
    ...['-object', `memory-backend-memfd,id=memory,size=${memoryMegabytes}M,share=on`], // vhost-user
    ...['-numa', 'node,memdev=memory'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-nic', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-kernel', image, '-initrd', initrd, '-append', kernelArguments.filter(Boolean).join(' ')],
    ...['-serial', `file:${machine.console}`],
    ...['-device', 'virtio-serial-pci'],
  ];
  for (const { tag, socket } of shares) {
    args.push('-chardev', `socket,id=${tag},path=${socket}`);
    args.push('-device', `vhost-user-fs-pci,chardev=${tag},tag=${tag}`);
  }
  for (const { name, socket } of ports) {
    const device = name === 'tty' ? 'virtconsole' : `virtserialport,name=${name}`;
    args.push('-chardev', `socket,id=${name},path=${socket}`, '-device', `${device},chardev=${name}`);
  }
  return { command: PROGRAM, args };
}

/**
 * Emulated, five-level page tables cost time, and so does cmpxchg16b, for which all processors stop; QEMU 7.2 also loses the flags over
 * it on a busy host, so that programs and the kernel (which allocates memory with it) die. Kernels have another way.
 */
function cpu(accelerator: Accelerator): string[] {
  return accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off,cx16=off'];
}
