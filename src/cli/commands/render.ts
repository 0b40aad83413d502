import { type Command, Option } from 'commander';
import { ValidationError } from '../../errors.js';
import { renderState } from '../../proxy/index.js';
import { nftTextOf, restoreTextOf, setsText, virtualServersText } from '../format/save.js';
import type { CliContext } from '../io.js';
import { addStateOptions, type StateFlags } from '../options.js';
import { stateFromFlags } from '../state.js';

const FORMATS = ['json', 'iptables-restore', 'nft', 'ipset', 'ipvsadm'] as const;

interface RenderFlags extends StateFlags {
  readonly format: (typeof FORMATS)[number];
}

/** `ipvs render`: what would be programmed, without touching a kernel. */
export function renderCommand(program: Command, context: CliContext): void {
  addStateOptions(
    program
      .command('render')
      .description('Print what the manifests ask for; no kernel is touched.')
      .addOption(new Option('--format <format>', 'what to print').choices(FORMATS).default('json')),
  ).action(async (flags: RenderFlags) => {
    if (flags.rules === 'nft' && (flags.format === 'iptables-restore' || flags.format === 'ipset'))
      throw new ValidationError('--format', 'nft, which has the sets too, with --rules nft', flags.format);
    if (flags.rules === 'iptables' && flags.format === 'nft')
      throw new ValidationError('--format', 'iptables-restore or ipset with --rules iptables', flags.format);
    const { state, problems } = await stateFromFlags(flags, context);
    switch (flags.format) {
      case 'json':
        context.io.out(`${JSON.stringify(renderState(state, problems), undefined, 2)}\n`);
        break;
      case 'iptables-restore':
        context.io.out(restoreTextOf(state));
        break;
      case 'nft':
        context.io.out(nftTextOf(state));
        break;
      case 'ipset':
        context.io.out(setsText(state));
        break;
      case 'ipvsadm':
        context.io.out(virtualServersText(state));
        break;
    }
  });
}
