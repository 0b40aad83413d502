import type { Family } from '../net/address.js';
import type { CallOptions } from '../netlink/types.js';
import { isEmptyDiff } from './diff.js';
import { pickRuleSet, readSave, unreadableTables } from './iptables/reader.js';
import { restoreText } from './iptables/writer.js';
import { commandError, type Runner, type RunnerResult } from './runner.js';
import { CommandError } from '../errors.js';
import type { IptablesBackend, IptablesVersion, Rules, RulesFeatures } from './types.js';

/** Options of {@link createRules}. */
export interface RulesOptions {
  /** Default: what `iptables` is on this machine (update-alternatives decides on Debian). */
  readonly backend?: IptablesBackend;
}

const toolName = (
  family: Family,
  backend: IptablesBackend | undefined,
  suffix: '' | '-restore' | '-save',
): string =>
  `${family === 'inet' ? 'iptables' : 'ip6tables'}${backend === undefined ? '' : `-${backend}`}${suffix}`;

/** A rule with the match `ipvs`, to be read by `iptables-restore --test`. */
const IPVS_PROBE: Readonly<Record<Family, string>> = {
  inet: '-A IPVS-PROBE -m ipvs --vaddr 192.0.2.1 --vproto 6 --vport 1 -j RETURN',
  inet6: '-A IPVS-PROBE -m ipvs --vaddr 2001:db8::1 --vproto 6 --vport 1 -j RETURN',
};

/** Version and kernel interface of the iptables tools of a family. @throws CommandError when they are missing. */
export async function iptablesVersion(
  runner: Runner,
  family: Family,
  options: RulesOptions & CallOptions = {},
): Promise<IptablesVersion> {
  const argv = [toolName(family, options.backend, ''), '--version'];
  const result = await runner.run(argv, pickSignal(options));
  const match = /\bv(\d+(?:\.\d+)*)(?: \((\w+)\))?/.exec(result.stdout);
  if (result.exitCode !== 0 || match?.[1] === undefined) throw commandError(argv, result);
  return { version: match[1], backend: match[2] === 'nf_tables' ? 'nft' : 'legacy' };
}

/** What the tools say of a match or target that the kernel lacks: `Extension ipvs revision 0 not supported, missing kernel module?` */
function unsupportedExtension(stderr: string): string | undefined {
  return /^Warning: (Extension \S+ revision \d+ not supported.*)$/m.exec(stderr)?.[1];
}

/** Each table of restore text, with the line that commits it. */
function commits(text: string): { readonly table: string; readonly line: number }[] {
  const found: { table: string; line: number }[] = [];
  let table = '';
  for (const [i, line] of text.split('\n').entries()) {
    if (line.startsWith('*')) table = line.slice(1);
    if (line === 'COMMIT') found.push({ table, line: i + 1 });
  }
  return found;
}

/** Tables that were committed when the tool refused a line; undefined when it named none and there are several. */
function tablesBefore(text: string, refused: number | undefined): readonly string[] | undefined {
  const tables = commits(text);
  if (tables.length === 1) return [];
  if (refused === undefined) return undefined;
  return tables.filter(({ line }) => line < refused).map(({ table }) => table);
}

const pickSignal = (options: CallOptions | undefined): { signal?: AbortSignal } =>
  options?.signal === undefined ? {} : { signal: options.signal };

/**
 * The packet filter through iptables-restore and iptables-save. Every call starts one program; nothing is cached. Concurrent
 * calls are safe: `-w` waits for the lock that the legacy tools share, and the nft ones retry by themselves.
 */
export function createRules(runner: Runner, options: RulesOptions = {}): Rules {
  const { backend } = options;

  const save = async (family: Family, call: CallOptions | undefined): Promise<string> => {
    const argv = [toolName(family, backend, '-save')];
    const result = await runner.run(argv, pickSignal(call));
    if (result.exitCode !== 0) throw commandError(argv, result);
    return result.stdout;
  };

  const restore = async (
    family: Family,
    flags: readonly string[],
    stdin: string,
    call: CallOptions | undefined,
  ): Promise<RunnerResult> => {
    const argv = [toolName(family, backend, '-restore'), '--noflush', '-w', ...flags];
    const result = await runner.run(argv, { stdin, ...pickSignal(call) });
    const testing = flags.includes('--test');
    // With --test a match that the kernel lacks is only worth a remark; in earnest it costs the whole table.
    if (result.exitCode !== 0 || (testing && unsupportedExtension(result.stderr) !== undefined))
      throw commandError(argv, result, stdin, (line) => (testing ? [] : tablesBefore(stdin, line)));
    return result;
  };

  const ipvsMatch = async (
    family: Family,
    call: CallOptions | undefined,
  ): Promise<RulesFeatures['ipvsMatch']> => {
    const argv = [toolName(family, backend, '-restore'), '--noflush', '-w', '--test'];
    const stdin = `*filter\n:IPVS-PROBE - [0:0]\n${IPVS_PROBE[family]}\nCOMMIT\n`;
    const { exitCode, stderr } = await runner.run(argv, { stdin, ...pickSignal(call) });
    // The tools ask the kernel for the module and go on without it: they say so and end with 0. Loading such rules is refused.
    const unsupported = unsupportedExtension(stderr);
    if (exitCode === 0 && unsupported === undefined) return { available: true };
    return { available: false, reason: unsupported ?? stderr.trim() };
  };

  return {
    read: async (family, chains, call) => {
      const text = await save(family, call);
      const unreadable = unreadableTables(text).filter((line) =>
        chains.some((chain) => line.includes(`\`${chain.table}'`)),
      );
      if (unreadable.length > 0) {
        // To go on would mean to take our chains for missing.
        throw new CommandError({
          argv: [toolName(family, backend, '-save')],
          exitCode: 0,
          stderr: unreadable.join('\n'),
          hint: 'something used nft directly on a table of iptables; move those rules to a table of their own',
        });
      }
      return pickRuleSet(readSave(text, family), family, chains);
    },
    check: async (diff, call) => {
      if (!isEmptyDiff(diff)) await restore(diff.family, ['--test'], restoreText(diff), call);
    },
    apply: async (diff, call) => {
      if (isEmptyDiff(diff)) return;
      const text = restoreText(diff);
      // Tables are committed one by one. What can be known to be wrong with a later one is found before the first is changed.
      if (commits(text).length > 1) await restore(diff.family, ['--test'], text, call);
      await restore(diff.family, [], text, call);
    },
    features: async (family, call) => {
      const version = await iptablesVersion(runner, family, { ...options, ...pickSignal(call) });
      return { ...version, ipvsMatch: await ipvsMatch(family, call) };
    },
    save,
  };
}
