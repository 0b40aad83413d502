import { joinHostPort } from '../net/address.js';
import type { DecidingRule, Explanation, Outcome, RealServerOutcome, RuleStep } from './types.js';

const entriesOf = (sets: DecidingRule['sets']): string =>
  sets.map(({ set, entry }) => `${set} has ${entry}`).join('; ');

/** `filter KUBE-SOURCE-RANGES-FIREWALL: -j DROP`, `filter-KUBE-SOURCE-RANGES-FIREWALL: drop` */
function ruleText({ table, chain, rule, sets, notIn }: DecidingRule): string {
  const reasons = [...(sets.length === 0 ? [] : [entriesOf(sets)]), ...notIn.map((set) => `not in ${set}`)];
  const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
  const head = `-A ${chain} `;
  return rule.startsWith(head)
    ? `${table} ${chain}: ${rule.slice(head.length)}${why}`
    : `${chain}: ${rule}${why}`;
}

function stepLines(steps: readonly RuleStep[]): string[] {
  return steps.map((step) => `  ${step.hook.padEnd(11)} ${ruleText(step)} -> ${step.effect}`);
}

function masqueradeText({ masquerade, seenAs, stoppedBy }: RealServerOutcome): string {
  if (stoppedBy !== undefined) return `stopped by ${ruleText(stoppedBy)}`;
  if (masquerade === undefined) return `sees ${seenAs ?? 'the client'}`;
  return `masqueraded as ${masquerade.address ?? 'an address of the node'} by ${ruleText(masquerade.by)}`;
}

function realServerLines(realServers: readonly RealServerOutcome[]): string[] {
  return realServers.map(
    (real) =>
      `  ${joinHostPort(real.address, real.port)} ${real.forwarding} weight ${real.weight}: ${
        real.eligible ? masqueradeText(real) : 'takes no new connections'
      }`,
  );
}

function outcomeLines(outcome: Outcome): string[] {
  switch (outcome.verdict) {
    case 'balanced': {
      const { virtualServer, scheduler, persistenceTimeout, realServers } = outcome;
      const sticky = persistenceTimeout === 0 ? '' : `, persistent for ${persistenceTimeout} s`;
      return [
        `balanced: ${virtualServer} (${scheduler}${sticky}) sends it to one of`,
        ...realServerLines(realServers),
      ];
    }
    case 'no real server':
      return [
        `no real server: ${outcome.virtualServer} has none that takes connections; the kernel answers "port unreachable"`,
        ...realServerLines(outcome.realServers),
      ];
    case 'dropped':
    case 'rejected': {
      const behind = outcome.virtualServer === undefined ? '' : ` behind ${outcome.virtualServer}`;
      return [`${outcome.verdict}${behind} by ${ruleText(outcome.by)}`];
    }
    case 'delivered':
      return [`delivered: a program of the node that listens at ${outcome.address} gets it`];
    case 'forwarded': {
      const { masquerade } = outcome;
      return [
        masquerade === undefined
          ? 'forwarded: it leaves the node as it came'
          : `forwarded: it leaves the node, masqueraded as ${masquerade.address ?? 'an address of the node'} by ${ruleText(masquerade.by)}`,
      ];
    }
  }
}

/** An explanation for people: the rules that matched, one per line, and where the packet ends. */
export function formatExplanation({ packet, steps, outcome, notes }: Explanation): string {
  const port = packet.sourcePort;
  const source = port === undefined ? packet.source : joinHostPort(packet.source, port);
  const where =
    packet.origin === 'node'
      ? 'from the node itself'
      : `from outside${packet.inInterface === undefined ? '' : ` through ${packet.inInterface}`}`;
  return [
    `${packet.protocol} ${source} -> ${joinHostPort(packet.destination, packet.destinationPort)}, ${where}`,
    ...stepLines(steps),
    ...outcomeLines(outcome),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n');
}
