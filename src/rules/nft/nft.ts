import type { Family } from '../../net/address.js';
import type { CallOptions } from '../../netlink/types.js';
import { commandError, type Runner, type RunnerResult } from '../runner.js';
import { isEmptyNftDiff } from './diff.js';
import { NFT_FAMILY, NFT_TABLE } from './names.js';
import { readNft } from './reader.js';
import type { Nft, NftDiff } from './types.js';
import { nftText } from './writer.js';

const signalOf = (options: CallOptions | undefined): { signal?: AbortSignal } =>
  options?.signal === undefined ? {} : { signal: options.signal };

/** Our nft table through the `nft` program. */
export function createNft(runner: Runner): Nft {
  const run = async (
    argv: readonly string[],
    options: CallOptions | undefined,
    stdin = '',
  ): Promise<RunnerResult> => {
    const result = await runner.run(argv, { ...(stdin === '' ? {} : { stdin }), ...signalOf(options) });
    if (result.exitCode !== 0) throw commandError(argv, result, stdin);
    return result;
  };

  /** The table in some form; undefined when there is none. */
  const list = async (
    family: Family,
    flags: readonly string[],
    options: CallOptions | undefined,
  ): Promise<string | undefined> => {
    const argv = ['nft', ...flags, 'list', 'table', NFT_FAMILY[family], NFT_TABLE];
    const result = await runner.run(argv, signalOf(options));
    if (result.exitCode === 0) return result.stdout;
    // Refused, or no such table? The list of tables says it without reading error texts.
    const tables = await run(['nft', '-j', 'list', 'tables'], options);
    if (readNft(tables.stdout, family) !== undefined) throw commandError(argv, result);
    return undefined;
  };

  const feed = async (
    flags: readonly string[],
    diff: NftDiff,
    options: CallOptions | undefined,
  ): Promise<void> => {
    if (!isEmptyNftDiff(diff)) await run(['nft', ...flags, '-f', '-'], options, nftText(diff));
  };

  return {
    read: async (family, options) => {
      const text = await list(family, ['-j'], options);
      return text === undefined ? undefined : readNft(text, family);
    },
    check: (diff, options) => feed(['--check'], diff, options),
    apply: (diff, options) => feed([], diff, options),
    save: async (family, options) => (await list(family, [], options)) ?? '',
    version: async (options) => {
      const argv = ['nft', '--version'];
      const result = await run(argv, options);
      const version = /\bv(\d+(?:\.\d+)*)/.exec(result.stdout)?.[1];
      if (version === undefined) throw commandError(argv, result);
      return version;
    },
  };
}
