import type { VirtualServerAttributes, VirtualServerUrl } from '../ipvs/types.js';
import { parseUrl, recordEntry } from './canonical.js';
import type { Operation, RealServerFacts, SetFacts } from './types.js';

type Of<Op extends Operation['op']> = Extract<Operation, { op: Op }>;
type RulesOperation = Of<'applyRules'>;

/** What the operations make, by name: it goes as a whole on the way back. */
interface Made {
  readonly sets: ReadonlyMap<string, Of<'createSet'>>;
  /** Entries that are added to sets that are made. */
  readonly entries: ReadonlyMap<string, readonly string[]>;
  readonly servers: ReadonlyMap<VirtualServerUrl, VirtualServerAttributes>;
  /** Real servers that are added to virtual servers that are made. */
  readonly realServers: ReadonlyMap<VirtualServerUrl, readonly RealServerFacts[]>;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function madeBy(operations: readonly Operation[]): Made {
  const sets = new Map<string, Of<'createSet'>>();
  const servers = new Map<VirtualServerUrl, VirtualServerAttributes>();
  for (const operation of operations) {
    if (operation.op === 'createSet') sets.set(operation.set, operation);
    if (operation.op === 'addVirtualServer') servers.set(operation.virtualServer, operation.attributes);
  }
  const entries = new Map<string, string[]>();
  const realServers = new Map<VirtualServerUrl, RealServerFacts[]>();
  for (const operation of operations) {
    if (operation.op === 'addEntry' && sets.has(operation.set)) push(entries, operation.set, operation.entry);
    if (operation.op === 'addRealServer' && servers.has(operation.virtualServer))
      push(realServers, operation.virtualServer, operation.realServer);
  }
  return { sets, entries, servers, realServers };
}

/** Chains that were rewritten or removed come back, those that were new go; jumps the other way round. */
function undoRules({ op, family, diff, before }: RulesOperation): RulesOperation {
  const existed = (name: string, table: string): boolean =>
    before.some((chain) => chain.name === name && chain.table === table);
  return {
    op,
    family,
    diff: {
      ...diff,
      write: before,
      addJumps: diff.removeJumps,
      removeJumps: diff.addJumps,
      removeChains: diff.write
        .filter(({ table, name }) => !existed(name, table))
        .map(({ table, name }) => ({ table, name })),
    },
    before: diff.write,
  };
}

/** A set comes back with its entries. Those of a record say again which virtual servers they stand for. */
function undoDestroy(
  { family, set, record, before }: Of<'destroySet'>,
  returning: ReadonlyMap<string, VirtualServerUrl>,
): Operation[] {
  if (before === undefined) return [];
  const additions = before.entries.map((entry): Operation => {
    const records = record === true ? returning.get(entry) : undefined;
    return { op: 'addEntry', family, set, entry, ...(records === undefined ? {} : { records }) };
  });
  return [{ op: 'createSet', family, set, type: before.type, options: before.options }, ...additions];
}

/** The operations that undo one operation. */
function undo(
  operation: Operation,
  made: Made,
  returning: ReadonlyMap<string, VirtualServerUrl>,
): readonly Operation[] {
  switch (operation.op) {
    case 'setSysctl': {
      const { op, name, value, before } = operation;
      return before === undefined ? [] : [{ op, name, value: before, before: value }];
    }
    case 'setTimeouts': {
      const { op, timeouts, before } = operation;
      const back: Record<string, number> = {};
      for (const name of ['tcp', 'tcpFin', 'udp'] as const)
        if (timeouts[name] !== undefined) back[name] = before[name];
      return [{ op, timeouts: back, before: { ...before, ...timeouts } }];
    }
    case 'addInterface':
      return [{ ...operation, op: 'removeInterface' }];
    case 'removeInterface':
      return [{ ...operation, op: 'addInterface' }];
    case 'addAddress':
      return [{ ...operation, op: 'removeAddress' }];
    case 'removeAddress':
      return [{ ...operation, op: 'addAddress' }];
    case 'createSet': {
      const { family, set, type, options } = operation;
      const before: SetFacts = { type, options, entries: made.entries.get(set) ?? [] };
      return [{ op: 'destroySet', family, set, before }];
    }
    case 'destroySet':
      return undoDestroy(operation, returning);
    case 'addEntry':
      return made.sets.has(operation.set) ? [] : [{ ...operation, op: 'deleteEntry' }];
    case 'deleteEntry':
      return [{ ...operation, op: 'addEntry' }];
    case 'applyRules':
      return [undoRules(operation)];
    case 'applyNft': {
      const { op, family, diff, undo: back } = operation;
      return [{ op, family, diff: back, undo: diff }];
    }
    case 'addVirtualServer': {
      const { family, virtualServer, attributes } = operation;
      const realServers = made.realServers.get(virtualServer) ?? [];
      return [{ op: 'removeVirtualServer', family, virtualServer, before: attributes, realServers }];
    }
    case 'setVirtualServer':
      return [{ ...operation, attributes: operation.before, before: operation.attributes }];
    case 'removeVirtualServer': {
      const { family, virtualServer, before } = operation;
      return [{ op: 'addVirtualServer', family, virtualServer, attributes: before }];
    }
    case 'addRealServer': {
      const { family, virtualServer, realServer } = operation;
      if (made.servers.has(virtualServer)) return [];
      const { address, port } = realServer;
      return [{ op: 'removeRealServer', family, virtualServer, address, port, before: realServer }];
    }
    case 'setRealServer':
      return [{ ...operation, realServer: operation.before, before: operation.realServer }];
    case 'removeRealServer': {
      const { family, virtualServer, before } = operation;
      return [{ op: 'addRealServer', family, virtualServer, realServer: before }];
    }
  }
}

/**
 * The operations that lead back, in the reverse order: a plan closes what it opens last first, so that its mirror image is as safe for
 * traffic as it is. Only the real servers of virtual servers that come back stand last, behind the addresses that the kernel may need
 * for them.
 */
export function inverseOf(operations: readonly Operation[]): Operation[] {
  const made = madeBy(operations);
  const returning = new Map<string, VirtualServerUrl>();
  const last: Operation[] = [];
  for (const operation of operations) {
    if (operation.op !== 'removeVirtualServer') continue;
    const { family, virtualServer } = operation;
    returning.set(recordEntry(parseUrl(virtualServer)), virtualServer);
    for (const realServer of operation.realServers)
      last.push({ op: 'addRealServer', family, virtualServer, realServer });
  }
  const back = operations.toReversed().flatMap((operation) => undo(operation, made, returning));
  return [...back, ...last];
}
