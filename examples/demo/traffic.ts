import type { Answer } from '../../test/support/agent.js';
import { addressesOf, NODE_ADDRESSES } from '../../test/support/sample-cluster.js';
import type { Topology } from '../../test/support/topology.js';
import { chart, dim, type Expectations, say, step, wrap } from './output.js';
import type { Scenario, Seen } from './scenarios.js';

/** What has to stay unanswered is waited for that long; the rest comes within milliseconds. */
const REFUSED_MS = 1500;

const counted = (answers: readonly Answer[], by: readonly string[]): Map<string, number> => {
  const counts = new Map(by.map((name) => [name, 0]));
  for (const { pod } of answers) if (pod !== undefined) counts.set(pod, (counts.get(pod) ?? 0) + 1);
  return counts;
};

const distinct = (values: readonly string[]): string => [...new Set(values)].sort().join(', ');

function sourceHolds(answer: Answer, from: string, seen: Seen): boolean {
  const { clientAddress: source, pod } = answer;
  if (source === undefined) return false;
  if (seen === 'node') return NODE_ADDRESSES.includes(source);
  if (seen === 'client' || pod !== from) return addressesOf(from).includes(source);
  return NODE_ADDRESSES.includes(source);
}

/** Send the requests of a scenario, print what came back and check it. */
export async function play(topology: Topology, scenario: Scenario, expect: Expectations): Promise<void> {
  const { title, why, from, url, count, answered } = scenario;
  step(title);
  if (why !== '') say(dim(wrap(why, '    ')));
  say(`    ${from} → ${url}  ×${count}`);
  const timeout = answered === undefined ? { timeoutMs: REFUSED_MS } : {};
  const answers = await topology.host(from).agent.request(url, { count, ...timeout });
  const errors = distinct(answers.flatMap(({ error }) => error ?? []));

  if (answered === undefined) {
    const through = answers.filter(({ error }) => error === undefined).length;
    expect.check(`no request got through (${errors})`, through === 0, `${through} of ${count} were answered`);
    return;
  }
  const counts = counted(answers, answered.by);
  chart(counts);
  expect.check('every request was answered', errors === '', errors);
  if (answered.spread === 'evenly') {
    const share = count / answered.by.length;
    const even = counts.size === answered.by.length && [...counts.values()].every((n) => n === share);
    expect.check(
      `each of the ${answered.by.length} pods answered ${share === 1 ? 'once' : `${share} times`}`,
      even,
    );
  } else {
    expect.check('one pod answered all of them', [...counts.values()].filter((n) => n > 0).length === 1);
  }
  const sources = distinct(answers.flatMap(({ clientAddress }) => clientAddress ?? []));
  const whose =
    answered.seen === 'client'
      ? `the client, ${from}`
      : answered.seen === 'node'
        ? 'the node'
        : answered.seen;
  expect.check(
    `the pods saw as sender: ${sources} (${whose})`,
    answers.every((answer) => sourceHolds(answer, from, answered.seen)),
    `expected ${whose}`,
  );
}
