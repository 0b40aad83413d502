import type { VirtualServerAttributes } from '../ipvs/types.js';
import { joinHostPort } from '../net/address.js';
import type { NftDiff, NftElements } from '../rules/nft/types.js';
import type { Operation, RealServerFacts } from './types.js';

/** The attributes of a virtual server that are not at their default, in words. */
function attributesText(attributes: VirtualServerAttributes): string {
  const { scheduler, schedulerFlags = {}, persistence, onePacket } = attributes;
  const flags = [
    schedulerFlags.fallback === true ? 'fallback' : '',
    schedulerFlags.port === true ? 'port' : '',
    schedulerFlags.raw === undefined ? '' : `0x${schedulerFlags.raw.toString(16)}`,
  ].filter((flag) => flag !== '');
  return [
    scheduler ?? 'wlc',
    flags.length === 0 ? '' : `(${flags.join(',')})`,
    persistence === undefined || persistence === false ? '' : `persistent ${persistence.timeout}s`,
    onePacket === true ? 'one-packet' : '',
  ]
    .filter((word) => word !== '')
    .join(' ');
}

function realServerText(real: RealServerFacts): string {
  const limits =
    real.upperThreshold === 0 && real.lowerThreshold === 0
      ? ''
      : ` thresholds ${real.upperThreshold}/${real.lowerThreshold}`;
  return `${real.forwarding} weight ${real.weight}${limits}`;
}

/** What a difference of rules comes to. */
function rulesText(diff: Extract<Operation, { op: 'applyRules' }>['diff']): string {
  const names = (chains: readonly { readonly table: string; readonly name: string }[]): string =>
    chains.map((chain) => `${chain.table}/${chain.name}`).join(' ');
  const bases = (jumps: typeof diff.addJumps): string =>
    jumps.map((jump) => `${jump.table}/${jump.from}`).join(' ');
  return [
    diff.write.length === 0 ? '' : `write ${names(diff.write)}`,
    diff.addJumps.length === 0 ? '' : `jump from ${bases(diff.addJumps)}`,
    diff.removeJumps.length === 0 ? '' : `no jump from ${bases(diff.removeJumps)}`,
    diff.removeChains.length === 0 ? '' : `remove ${names(diff.removeChains)}`,
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** Elements of sets, each by name while they are few. */
const SHOWN_ELEMENTS = 8;

/** What a difference of our nft table comes to. */
function nftChangeText(diff: NftDiff): string {
  const names = (items: readonly { readonly name: string }[]): string =>
    items.map(({ name }) => name).join(' ');
  const elements = (verb: string, { set, elements: all }: NftElements): string => {
    if (all.length === 0) return '';
    const what = all.length > SHOWN_ELEMENTS ? `${all.length} elements` : `{ ${all.join(', ')} }`;
    return `${verb} ${set} ${what}`;
  };
  return [
    diff.replace ? (diff.addSets.length + diff.writeChains.length === 0 ? 'remove' : 'replace') : '',
    diff.addSets.length === 0 ? '' : `sets ${names(diff.addSets)}`,
    ...diff.deleteElements.map((each) => elements('delete', each)),
    ...diff.addSets.map(({ name, elements: all }) => elements('add', { set: name, elements: all })),
    ...diff.addElements.map((each) => elements('add', each)),
    diff.writeChains.length === 0 ? '' : `write ${names(diff.writeChains)}`,
    diff.removeChains.length === 0 ? '' : `remove chains ${diff.removeChains.join(' ')}`,
    diff.removeSets.length === 0 ? '' : `remove sets ${diff.removeSets.join(' ')}`,
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** One operation on one line: a sign (`+` new, `-` gone, `~` changed), the object, and what matters about it. */
export function formatOperation(operation: Operation): string {
  switch (operation.op) {
    case 'setSysctl':
      return `~ sysctl ${operation.name} = ${operation.value} (was ${operation.before ?? 'absent'})`;
    case 'setTimeouts': {
      const words = Object.entries(operation.timeouts).map(([name, seconds]) => `${name} ${seconds}s`);
      return `~ timeouts ${words.join(' ')}`;
    }
    case 'addInterface':
      return `+ interface ${operation.interface} (dummy)`;
    case 'removeInterface':
      return `- interface ${operation.interface}`;
    case 'addAddress':
      return `+ address ${operation.address} on ${operation.interface}`;
    case 'removeAddress':
      return `- address ${operation.address} on ${operation.interface}`;
    case 'createSet': {
      const { family, range, maxElements } = operation.options;
      const words = [
        operation.type,
        family,
        range?.join('-'),
        maxElements === undefined ? undefined : `maxelem ${maxElements}`,
      ];
      return `+ set ${operation.set} ${words.filter((word) => word !== undefined).join(' ')}`;
    }
    case 'destroySet':
      return `- set ${operation.set}`;
    case 'addEntry':
      return `+ entry ${operation.set} ${operation.entry}`;
    case 'deleteEntry':
      return `- entry ${operation.set} ${operation.entry}`;
    case 'applyRules':
      return `~ rules ${operation.family}: ${rulesText(operation.diff)}`;
    case 'applyNft':
      return `~ nft ${operation.family}: ${nftChangeText(operation.diff)}`;
    case 'addVirtualServer':
      return `+ virtual server ${operation.virtualServer} ${attributesText(operation.attributes)}`;
    case 'setVirtualServer':
      return `~ virtual server ${operation.virtualServer} ${attributesText(operation.attributes)} (was ${attributesText(operation.before)})`;
    case 'removeVirtualServer':
      return `- virtual server ${operation.virtualServer}`;
    case 'addRealServer': {
      const { realServer, virtualServer } = operation;
      return `+ real server ${virtualServer} -> ${joinHostPort(realServer.address, realServer.port)} ${realServerText(realServer)}`;
    }
    case 'setRealServer': {
      const { realServer, virtualServer, before } = operation;
      return `~ real server ${virtualServer} -> ${joinHostPort(realServer.address, realServer.port)} ${realServerText(realServer)} (was ${realServerText(before)})`;
    }
    case 'removeRealServer':
      return `- real server ${operation.virtualServer} -> ${joinHostPort(operation.address, operation.port)}`;
  }
}
