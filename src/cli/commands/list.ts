import { type Command, Option } from 'commander';
import { formatSave } from '../../ipvs/save.js';
import { serversJson, serversTable } from '../format/servers.js';
import type { CliContext } from '../io.js';
import { addKernelOptions, type KernelFlags } from '../options.js';
import { withKernel } from '../with-kernel.js';

const FORMATS = ['table', 'json', 'ipvsadm'] as const;

interface ListFlags extends KernelFlags {
  readonly format: (typeof FORMATS)[number];
  readonly family?: 'ipv4' | 'ipv6' | 'dual';
  readonly json?: boolean;
}

/** `ipvs list`: the virtual servers of the namespace, whoever made them. */
export function listCommand(program: Command, context: CliContext): void {
  addKernelOptions(
    program
      .command('list')
      .description('List the virtual servers of the namespace with their real servers, whoever made them.'),
  )
    .addOption(new Option('--format <format>', 'how to print').choices(FORMATS).default('table'))
    .addOption(new Option('--family <family>', 'only this address family').choices(['ipv4', 'ipv6', 'dual']))
    .option('--json', 'the same as --format json')
    .action(async (flags: ListFlags) => {
      await withKernel(flags, context, async (kernel) => {
        const family = flags.family === 'ipv4' ? 'inet' : flags.family === 'ipv6' ? 'inet6' : undefined;
        const servers = (await kernel.ipvs.list({ realServers: true })).filter(
          (server) => family === undefined || server.family === family,
        );
        switch (flags.json === true ? 'json' : flags.format) {
          case 'table':
            context.io.out(serversTable(servers));
            break;
          case 'json':
            context.io.out(`${JSON.stringify(serversJson(servers), undefined, 2)}\n`);
            break;
          case 'ipvsadm':
            context.io.out(formatSave(servers));
            break;
        }
      });
    });
}
