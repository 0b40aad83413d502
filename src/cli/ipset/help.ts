import { SET_TYPE_NAMES, SET_TYPES } from '../../ipset/set-types.js';
import type { SetType } from '../../ipset/types.js';

/** What `version` prints. */
export const VERSION = 'ipset v7.17, protocol version: 7\n';

/** What `help` prints: our own words for the command line of ipset 7.17. */
export function helpText(types: boolean): string {
  return `ipset v7.17 (spoken by ipvs ipset)\n${COMMANDS}${types ? `\nTypes of sets (help TYPE says more)\n${typeLines()}` : ''}`;
}

const COMMANDS = `
Usage: ipvs ipset [OPTION...] COMMAND      (names of commands may be shortened)

Sets
  create, n, -N SET TYPE [OPTION...]    make one
  destroy, x, -X [SET]                  remove it, or all
  flush, -F [SET]                       remove its entries, or those of all sets
  rename, e, -E SET NAME                give it another name
  swap, w, -W SET SET                   exchange the contents of two

Entries
  add, -A SET ENTRY [OPTION...]
  del, -D SET ENTRY
  test, -T SET ENTRY                    exit code 0 when the set matches, 1 when it does not

Looking
  list, -L [SET]
  save, -S [SET]                        as commands for restore
    -o, -output plain|save|xml|json
    -n, -name                           only names
    -t, -terse                          no entries
    -s, -sorted                         entries in order
    -r, -resolve                        addresses by name
    -f, -file FILE                      into a file

  restore, -R                           run the commands on standard input
    -f, -file FILE                      ... of a file
  -                                     commands from standard input, one by one, until quit

  -!, -exist                            what is there, or is not there, is fine
  -q, -quiet                            no messages
  help, -h [TYPE]    version, -v
`;

function typeLines(): string {
  return SET_TYPE_NAMES.map((name) => `  ${name.padEnd(20)}${SET_TYPES[name].example.inet}\n`).join('');
}

/** How options of `create` are written. */
const CREATE_WORDS: Readonly<Record<string, string>> = {
  family: 'family inet|inet6',
  range: 'range FIRST-LAST',
  hashSize: 'hashsize N',
  maxElements: 'maxelem N',
  netmask: 'netmask LENGTH',
  bitmask: 'bitmask ADDRESS',
  markMask: 'markmask N',
  size: 'size N',
  timeout: 'timeout SECONDS',
  bucketSize: 'bucketsize N',
  initialValue: 'initval N',
};

/** What `help TYPE` adds. */
export function typeHelp(type: SetType): string {
  const spec = SET_TYPES[type];
  const create = spec.options.map((name) => `[${CREATE_WORDS[name] ?? name}]`);
  const flags = spec.flags
    .filter((flag) => flag !== 'physdev')
    .map((flag) => (spec.kind === 'list' ? `[${flag} SET]` : `[${flag}]`));
  const families = spec.families.length === 0 ? 'no address family' : spec.families.join(' and ');
  return [
    `\n${type} (${families})`,
    `  create SET ${type} ${create.join(' ')}`,
    `  add SET ${spec.example.inet} ${[...flags, '[timeout SECONDS]', '[packets N]', '[bytes N]', '[comment TEXT]'].join(' ')}`,
    '      [skbmark 0xMARK[/0xMASK]] [skbprio MAJOR:MINOR] [skbqueue N]\n',
  ].join('\n');
}
