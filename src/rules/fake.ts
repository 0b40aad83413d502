import type { Family } from '../net/address.js';
import { CommandError } from '../errors.js';
import { parseRule } from './iptables/parse.js';
import { chainOf, formatRule } from './iptables/rule.js';
import { splitWords, type Word } from './iptables/words.js';
import type { Runner, RunnerOptions, RunnerResult } from './runner.js';
import type { Rule } from './types.js';

/** Makes a call of the fake fail: a result stands for what the tool would have answered, an error is thrown as it is. */
export type RunnerFault = (
  argv: readonly string[],
  options: RunnerOptions,
) => RunnerResult | Error | undefined;

/** Options of {@link fakeRunner}. */
export interface FakeRunnerOptions {
  /** Is there an ipset of this name? Default: all names are taken for existing. */
  readonly hasSet?: (name: string) => boolean;
}

/** A {@link Runner} that answers for iptables-restore and iptables-save from memory. */
export interface FakeRunner extends Runner {
  /** Asked before every call; settable at any time. */
  fault: RunnerFault | undefined;
  /** Every call so far, oldest first. */
  readonly calls: readonly { readonly argv: readonly string[]; readonly stdin: string }[];
  /** All tables of both families, as iptables-save and ip6tables-save print them. Empty when nothing was written. */
  dump(): string;
  /** Is some rule naming this set? The kernel refuses to destroy such a set. */
  usesSet(name: string): boolean;
}

interface FakeChain {
  policy?: string;
  rules: Rule[];
}
type FakeTable = Map<string, FakeChain>;

const VERSION = 'v1.8.9 (nf_tables)';

/** Base chains of the tables that iptables knows, in its order. */
const BASE: Readonly<Record<string, readonly string[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
};

/** Extensions that rules of others may use here; their options are taken as they come. */
const EXTENSIONS = new Set(
  'tcp udp sctp icmp icmp6 comment set mark physdev addrtype conntrack state limit multiport iprange owner recent statistic'.split(
    ' ',
  ),
);
const TARGETS = new Set(
  'ACCEPT DROP RETURN REJECT MASQUERADE MARK SNAT DNAT REDIRECT LOG CONNMARK NOTRACK'.split(' '),
);

/** A refusal, worded as iptables-nft 1.8.9 words it. */
class Refusal {
  constructor(
    readonly stderr: string,
    readonly exitCode: number,
    /** It is the kernel that refuses, at COMMIT: `--test` does not get so far. */
    readonly late = false,
  ) {}
}

const SEE = (tool: string): string => `Try \`${tool} -h' or '${tool} --help' for more information.`;
/** A line that was not understood. */
const parameter = (tool: string, line: number, text: string): Refusal =>
  new Refusal(`${tool} ${VERSION}: ${text}\nError occurred at line: ${line}\n${SEE(tool)}\n`, 2);
/** A line that was understood and could not be carried out. */
const failed = (tool: string, line: number, text: string): Refusal =>
  new Refusal(`${tool}: line ${line} failed: ${text}.\n`, 1, true);

const NO_CHAIN = 'No chain/target/match by that name';

/** What the tool checks of a rule before it asks the kernel; the text of the refusal, if any. */
function refuseRule(rule: Rule, hasSet: (name: string) => boolean): string | undefined {
  for (const match of rule.matches) {
    if (match.match === 'set' && !hasSet(match.set)) return `Set ${match.set} doesn't exist.\n`;
    if (match.match !== 'raw') continue;
    const [flag = '', name = ''] = match.text.replace(/^! /, '').split(' ');
    if (flag === '-m' && !EXTENSIONS.has(name))
      return `Couldn't load match \`${name}':No such file or directory\n`;
    if (!/^-[midsopf]$/.test(flag))
      return flag.startsWith('-') ? `unknown option "${flag}"` : `Bad argument \`${flag}'`;
  }
  const { target } = rule;
  if (target.target === 'raw' && target.text !== '') {
    const [flag = '', name = ''] = target.text.split(' ');
    if (flag === '-j' && !TARGETS.has(name)) return `unknown option "${target.text.split(' ')[2] ?? ''}"`;
  }
  return undefined;
}

const specOf = (rule: Rule, family: Family): string => formatRule(rule, family);

class Restore {
  /** The table that is being read; its changes are kept aside until COMMIT. */
  #table: { name: string; chains: FakeTable } | undefined;

  constructor(
    private readonly tool: string,
    private readonly family: Family,
    private readonly tables: Map<string, FakeTable>,
    private readonly flush: boolean,
    private readonly hasSet: (name: string) => boolean,
  ) {}

  /** @returns the refusal; tables that were committed before it stay changed. */
  run(stdin: string, commit: boolean): Refusal | undefined {
    const lines = stdin.split('\n');
    for (const [i, line] of lines.entries()) {
      if (line === '' || line.startsWith('#')) continue;
      const refusal = this.#line(line, i + 1, commit);
      if (refusal !== undefined && (commit || !refusal.late)) return refusal;
    }
    if (this.#table === undefined) return undefined;
    return new Refusal(`${this.tool}: COMMIT expected at line ${lines.length}\n`, 1);
  }

  #line(line: string, at: number, commit: boolean): Refusal | undefined {
    if (line.startsWith('*') && this.#table === undefined) return this.#open(line.slice(1).trim(), at);
    if (this.#table === undefined) return new Refusal(`${this.tool}: line ${at} failed\n`, 1);
    if (line === 'COMMIT') return this.#commit(at, commit);
    const chains = this.#table.chains;
    if (line.startsWith(':')) {
      const [name = '', policy = ''] = line.slice(1).split(' ');
      if (name.length > 28)
        return parameter(this.tool, at, `chain name \`${name}' too long (must be under 29 chars)`);
      const old = chains.get(name);
      if (old?.policy === undefined) chains.set(name, { rules: [] });
      else if (policy !== '-') old.policy = policy;
      return undefined;
    }
    return this.#command(line, at, chains);
  }

  #open(name: string, at: number): Refusal | undefined {
    const base = BASE[name];
    if (base === undefined)
      return parameter(this.tool, at, `${this.tool}: line ${at} table name '${name}' invalid`);
    const old = this.flush ? undefined : this.tables.get(name);
    const chains: FakeTable = new Map(base.map((chain) => [chain, { policy: 'ACCEPT', rules: [] }]));
    for (const [chain, { policy, rules }] of old ?? [])
      chains.set(chain, { ...(policy === undefined ? {} : { policy }), rules: [...rules] });
    this.#table = { name, chains };
    return undefined;
  }

  /** Some targets belong to one table; the tool refuses DROP in nat, the kernel the others. */
  #refuseTarget(rule: Rule, chain: string, at: number): Refusal | undefined {
    const table = this.#table?.name;
    const { target } = rule.target;
    if (table === 'nat' && target === 'drop') {
      return parameter(
        this.tool,
        at,
        '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n',
      );
    }
    if ((target === 'reject' && table !== 'filter') || (target === 'masquerade' && table !== 'nat')) {
      return new Refusal(
        `${this.tool} ${VERSION}: \nline ${at}: RULE_APPEND failed (Invalid argument): rule in chain ${chain}\n`,
        4,
        true,
      );
    }
    return undefined;
  }

  #commit(at: number, commit: boolean): Refusal | undefined {
    const table = this.#table;
    if (table === undefined) return undefined;
    for (const chain of table.chains.values()) {
      for (const rule of chain.rules) {
        const to = rule.target.target === 'jump' ? rule.target.chain : undefined;
        // The tools take any word as a chain and find out at the end of the table.
        if (commit && to !== undefined && !table.chains.has(to) && !TARGETS.has(to))
          return parameter(this.tool, at, `Chain '${to}' does not exist`);
      }
    }
    if (commit) this.tables.set(table.name, table.chains);
    this.#table = undefined;
    return undefined;
  }

  #command(line: string, at: number, chains: FakeTable): Refusal | undefined {
    const words: readonly Word[] = splitWords(line) ?? [];
    const [command = '', name = ''] = words.map((word) => word.value);
    if (!/^-[AIDFNX]$/.test(command)) {
      return command.startsWith('-')
        ? parameter(this.tool, at, `unknown option "${command}"`)
        : new Refusal(`Bad argument \`${command}'\nError occurred at line: ${at}\n${SEE(this.tool)}\n`, 2);
    }
    const chain = chains.get(name);
    if (command === '-N') {
      if (chain !== undefined) return failed(this.tool, at, 'Chain already exists');
      chains.set(name, { rules: [] });
      return undefined;
    }
    const rule = parseRule(words.slice(2), this.family);
    const spec = command === '-F' || command === '-X' ? undefined : refuseRule(rule, this.hasSet);
    if (spec !== undefined) return parameter(this.tool, at, spec);
    if (chain === undefined) return failed(this.tool, at, NO_CHAIN);
    const misplaced = this.#refuseTarget(rule, name, at);
    if (misplaced !== undefined && (command === '-A' || command === '-I')) return misplaced;
    switch (command) {
      case '-A':
        chain.rules.push(rule);
        return undefined;
      case '-I':
        chain.rules.unshift(rule);
        return undefined;
      case '-F':
        chain.rules = [];
        return undefined;
      case '-X': {
        const used = [...chains.values()].some((other) => other.rules.some((r) => chainOf(r) === name));
        if (used || chain.rules.length > 0 || chain.policy !== undefined) {
          return new Refusal(
            `${this.tool} ${VERSION}: \nline ${at}: CHAIN_DEL failed (Device or resource busy): chain ${name}\n`,
            4,
            true,
          );
        }
        chains.delete(name);
        return undefined;
      }
      default: {
        const wanted = specOf(rule, this.family);
        const index = chain.rules.findIndex((other) => specOf(other, this.family) === wanted);
        if (index < 0) return failed(this.tool, at, 'Bad rule (does a matching rule exist in that chain?)');
        chain.rules.splice(index, 1);
        return undefined;
      }
    }
  }
}

function saveTable(name: string, chains: FakeTable, family: Family): string[] {
  const base = BASE[name] ?? [];
  const own = [...chains.keys()].filter((chain) => !base.includes(chain)).sort();
  const ordered = [...base, ...own];
  return [
    `*${name}`,
    ...ordered.map((chain) => `:${chain} ${chains.get(chain)?.policy ?? '-'} [0:0]`),
    ...ordered.flatMap((chain) =>
      (chains.get(chain)?.rules ?? []).map((rule) => `-A ${chain} ${specOf(rule, family)}`.trimEnd()),
    ),
    'COMMIT',
  ];
}

const FAMILIES: readonly Family[] = ['inet', 'inet6'];

const saveTables = (tables: ReadonlyMap<string, FakeTable>, family: Family): string[] =>
  [...tables]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, chains]) => saveTable(name, chains, family));

/**
 * iptables-restore, iptables-save and `iptables --version` of both families, from memory, with the wording and exit codes of
 * iptables-nft 1.8.9. It understands what this package writes and the rules of others as far as they are well formed; a table is
 * changed at its COMMIT, so that a refusal leaves tables before it changed and others as they were.
 */
export function fakeRunner(options: FakeRunnerOptions = {}): FakeRunner {
  const hasSet = options.hasSet ?? ((): boolean => true);
  const families: Readonly<Record<Family, Map<string, FakeTable>>> = { inet: new Map(), inet6: new Map() };
  const calls: { argv: readonly string[]; stdin: string }[] = [];

  const answer = (argv: readonly string[], stdin: string): RunnerResult => {
    const [program = '', ...flags] = argv;
    const tool = /^(ip6?tables)(?:-nft|-legacy)?(-restore|-save)?$/.exec(program);
    if (tool === null) throw new CommandError({ argv, stderr: '', missing: true });
    const family = tool[1] === 'iptables' ? 'inet' : 'inet6';
    const tables = families[family];
    if (tool[2] === '-save') {
      const lines = [`# Generated by ${program} ${VERSION}`, ...saveTables(tables, family), '# Completed'];
      return { exitCode: 0, stdout: lines.map((line) => `${line}\n`).join(''), stderr: '' };
    }
    if (tool[2] !== '-restore') return { exitCode: 0, stdout: `${program} ${VERSION}\n`, stderr: '' };
    const unknown = flags.find(
      (flag) => !['--noflush', '-n', '-w', '--wait', '--test', '-t', '--counters', '-c'].includes(flag),
    );
    if (unknown !== undefined)
      return { exitCode: 1, stdout: '', stderr: `${program}: unrecognized option '${unknown}'\n` };
    const has = (...names: readonly string[]): boolean => names.some((name) => flags.includes(name));
    const restore = new Restore(program, family, tables, !has('--noflush', '-n'), hasSet);
    const refusal = restore.run(stdin, !has('--test', '-t'));
    return { exitCode: refusal?.exitCode ?? 0, stdout: '', stderr: refusal?.stderr ?? '' };
  };

  const fake: FakeRunner = {
    fault: undefined,
    calls,
    run: async (argv, runOptions = {}) => {
      // As a process would: the answer never comes at once.
      await Promise.resolve();
      runOptions.signal?.throwIfAborted();
      const stdin = runOptions.stdin ?? '';
      calls.push({ argv, stdin });
      const fault = fake.fault?.(argv, runOptions);
      if (fault instanceof Error) throw fault;
      return fault ?? answer(argv, stdin);
    },
    dump: () =>
      FAMILIES.flatMap((family) => {
        const lines = saveTables(families[family], family);
        return lines.length === 0 ? [] : [`# ${family === 'inet' ? 'iptables' : 'ip6tables'}`, ...lines];
      })
        .map((line) => `${line}\n`)
        .join(''),
    usesSet: (name) =>
      Object.values(families).some((tables) =>
        [...tables.values()].some((chains) =>
          [...chains.values()].some((chain) =>
            chain.rules.some((rule) =>
              rule.matches.some((match) => match.match === 'set' && match.set === name),
            ),
          ),
        ),
      ),
  };
  return fake;
}
