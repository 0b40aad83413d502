import { formatSave as formatSets } from '../../ipset/save.js';
import { formatSave as formatServers } from '../../ipvs/save.js';
import type { KubeState } from '../../proxy/index.js';
import { diffRules, noRules } from '../../rules/diff.js';
import { restoreText } from '../../rules/iptables/writer.js';
import { nftTable } from '../../rules/nft/compile.js';
import { diffNft } from '../../rules/nft/diff.js';
import { nftText } from '../../rules/nft/writer.js';

/** Virtual servers of both families as `ipvsadm -Sn` prints them and `ipvsadm -R` reads them. */
export function virtualServersText(state: KubeState): string {
  return formatServers(state.families.flatMap(({ virtualServers }) => virtualServers));
}

/** Sets of both families as `ipset restore` reads them. */
export function setsText(state: KubeState): string {
  return formatSets(
    state.families.flatMap(({ sets }) =>
      sets.map(({ name, type, family, range, entries }) => ({
        header: {
          name,
          type,
          ...(family === undefined ? {} : { family }),
          ...(range === undefined ? {} : { range }),
        },
        entries,
      })),
    ),
  );
}

/** Rules as input of `iptables-restore --noflush`; with two families, a remark says which tool reads which part. */
export function restoreTextOf(state: KubeState): string {
  const texts = state.families.map(({ family, rules }) => ({
    tool: family === 'inet' ? 'iptables-restore' : 'ip6tables-restore',
    text: restoreText(diffRules(rules, noRules(family))),
  }));
  return texts.length === 1
    ? (texts[0]?.text ?? '')
    : texts.map(({ tool, text }) => `# ${tool} --noflush\n${text}`).join('');
}

/** Rules and sets of both families as input of `nft -f -`: each family's table is replaced as a whole. */
export function nftTextOf(state: KubeState): string {
  return state.families.map(({ rules, sets }) => nftText(diffNft(nftTable(rules, sets), undefined))).join('');
}
