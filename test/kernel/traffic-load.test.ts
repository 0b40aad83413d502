import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Ipvs } from '../../src/ipvs/types.js';
import type { Kernel } from '../../src/kernel/types.js';
import type { Proxier } from '../../src/proxier/index.js';
import type { HeldConnection, Load, LoadTally } from '../support/agent.js';
import { describeKernel } from '../support/backends.js';
import { replacing } from '../support/replacing.js';
import {
  clusterIP,
  type Conditions,
  makeProxierLab,
  outsideIP,
  type Places,
  PLACES,
  portOf,
  type ProxierLab,
  type Sample,
  sample,
  sliceOf,
  urlOf,
} from '../support/proxier-lab.js';

const WAIT = { timeout: 200_000, interval: 250 };
/** A machine that is emulated on a busy computer needs ten times as long as on an idle one. */
const LONG = { timeout: 900_000 };
const NODE_PORT = 30_080;
const BACKENDS = [{ rules: 'iptables' }, { rules: 'nft' }] as const;

/** The Service that requests go to. */
const WEB = sample('web', 10);
const URLS = PLACES.map(({ family }) => urlOf('http', clusterIP(family, 10), 80));
const SERVERS = PLACES.map(({ family }) =>
  family === 'inet' ? `tcp://${clusterIP(family, 10)}:80` : `tcp://[${clusterIP(family, 10)}]:80`,
);

const total = ({ by }: LoadTally): number => Object.values(by).reduce((sum, count) => sum + count, 0);

describeKernel(['ipvs', 'ipset', 'rules', 'nft', 'dummy'], 'a proxier at work while requests run', () => {
  let lab: ProxierLab;
  const loads = new Set<Load>();
  beforeAll(async () => {
    lab = await makeProxierLab();
    await synced(lab.proxier({ rules: 'iptables' }, [WEB]));
  }, LONG.timeout);
  afterAll(() => lab.remove());
  afterEach(async () => {
    for (const load of loads) await load.stop();
    loads.clear();
  });

  const begin = async (
    from: string,
    ...args: Parameters<ReturnType<typeof agentOf>['load']>
  ): Promise<Load> => {
    const load = await agentOf(from).load(...args);
    loads.add(load);
    return load;
  };
  /** From the client's address inside the source ranges, one load for each family. */
  const beginNear = (urls: (at: Places) => readonly string[]): Promise<Load[]> =>
    Promise.all(PLACES.map((at) => begin('client', urls(at), { pause: 1000, localAddress: at.near })));
  const agentOf = (name: string) => lab.topology.host(name).agent;
  /** Ends loads; not one of their requests may have failed. */
  const endWithoutError = async (...ending: readonly Load[]): Promise<void> => {
    for (const load of ending) {
      loads.delete(load);
      for (const tally of await load.stop()) {
        expect(tally.errors).toEqual([]);
        expect(total(tally)).toBeGreaterThan(0);
      }
    }
  };
  /** Resolves when each target of a load has had so many more answers. */
  const moreAnswers = async (load: Load, count: number): Promise<void> => {
    const before = (await load.soFar()).map(total);
    await expect
      .poll(
        async () => (await load.soFar()).every((tally, i) => total(tally) >= (before[i] ?? 0) + count),
        WAIT,
      )
      .toBe(true);
  };
  const synced = async (proxier: Proxier, options: { readonly full?: boolean } = {}): Promise<void> => {
    const report = await proxier.sync(options);
    expect(report).not.toHaveProperty('error');
    expect(report.apply).toMatchObject({ ok: true });
  };
  /** The weight of the pod `away` in both families; undefined where it is not a real server. */
  const weights = (): Promise<(number | undefined)[]> =>
    Promise.all(
      PLACES.map(async (at, i) => {
        const server = await lab.kernel.ipvs.get(SERVERS[i] ?? '', { realServers: true });
        return server?.realServers.find(({ address }) => address === at.away)?.weight;
      }),
    );
  /** Connections that stay open, in both families, with the pod `away`. */
  const holdAway = async (): Promise<HeldConnection[]> => {
    const found: HeldConnection[] = [];
    for (const url of URLS) {
      // Backends take turns, but requests of a load take turns with these.
      for (let tries = 0; tries < 20; tries++) {
        const held = await agentOf('client').hold(url);
        if (held.answer.pod === 'away') {
          found.push(held);
          break;
        }
        await held.close({ reset: true });
      }
    }
    expect(found).toHaveLength(2);
    return found;
  };
  const change = (proxier: Proxier, conditions: Conditions): void => {
    for (const at of PLACES) proxier.upsertSlice(sliceOf(WEB.service, at, conditions));
  };

  describe('an endpoint that goes', () => {
    it('fails no request, keeps its connections until they have ended, and then goes', LONG, async () => {
      const proxier = lab.proxier({ rules: 'iptables' }, [WEB], {
        drainInterval: 500,
        drainTimeout: 200_000,
      });
      const controller = new AbortController();
      const running = proxier.run(controller.signal);
      try {
        await expect.poll(() => proxier.status.state, WAIT).toBe('healthy');
        const held = await holdAway();
        const short = await begin('box', URLS, { reset: true });
        const long = await begin(
          'client',
          URLS.map((url) => `${url}after/2000`),
          { reset: true },
        );
        for (const load of [short, long])
          await expect
            .poll(async () => (await load.soFar()).every(({ by }) => by['web'] && by['away']), WAIT)
            .toBe(true);

        change(proxier, { away: 'terminating' });
        await expect.poll(weights, WAIT).toEqual([0, 0]);
        // One request of each target may have been under way.
        const before = (await short.soFar()).map(({ by }) => (by['away'] ?? 0) + 1);
        await moreAnswers(short, 6);
        for (const [i, { by }] of (await short.soFar()).entries())
          expect(by['away']).toBeLessThanOrEqual(before[i] ?? 0);
        for (const connection of held) expect(await connection.ask()).toMatchObject({ pod: 'away' });

        change(proxier, { away: undefined });
        await expect.poll(() => proxier.status.pending, WAIT).toBe(0);
        await moreAnswers(short, 2);
        expect(await weights()).toEqual([0, 0]);
        for (const connection of held) {
          expect(await connection.ask()).toMatchObject({ pod: 'away' });
          await connection.close({ reset: true });
        }
        await expect.poll(weights, WAIT).toEqual([undefined, undefined]);
        expect(proxier.status.draining).toEqual([]);
        await moreAnswers(short, 2);
        await endWithoutError(short, long);
      } finally {
        controller.abort();
        await running;
      }
    });

    it('goes at its deadline at the latest, with the connections that it still has', LONG, async () => {
      const proxier = lab.proxier({ rules: 'iptables' }, [WEB], { drainInterval: 500, drainTimeout: 4000 });
      await synced(proxier);
      const controller = new AbortController();
      const running = proxier.run(controller.signal);
      try {
        const held = await holdAway();
        const short = await begin('box', URLS, { reset: true });
        change(proxier, { away: undefined });
        await expect.poll(weights, WAIT).toEqual([0, 0]);
        for (const connection of held) expect(await connection.ask()).toMatchObject({ pod: 'away' });
        await expect.poll(weights, WAIT).toEqual([undefined, undefined]);
        for (const connection of held) {
          expect(await connection.ask()).toHaveProperty('error');
          await connection.close();
        }
        await moreAnswers(short, 2);
        await endWithoutError(short);
      } finally {
        controller.abort();
        await running;
      }
    });

    it('keeps the connection that begins after it was seen without any', LONG, async () => {
      await synced(lab.proxier({ rules: 'iptables' }, [WEB]));
      let held: HeldConnection[] | undefined;
      const late = beforeBatches(lab.kernel, async () => {
        held ??= await holdAway();
      });
      const proxier = lab.proxier({ rules: 'iptables' }, [WEB], { kernel: late });
      change(proxier, { away: undefined });
      await synced(proxier);
      expect(held).toHaveLength(2);
      expect(await weights()).toEqual([0, 0]);
      for (const connection of held ?? []) {
        expect(await connection.ask()).toMatchObject({ pod: 'away' });
        await connection.close({ reset: true });
      }
      expect(proxier.status.draining).toHaveLength(2);
    });
  });

  describe.each(BACKENDS)('with $rules', (config) => {
    it('no request to unchanged Services fails while 1,000 others come, change and go', LONG, async () => {
      const proxier = lab.proxier(config, UNCHANGED);
      await synced(proxier);
      const load = await beginNear((at) => [
        urlOf('http', clusterIP(at.family, 10), 80),
        urlOf('udp', clusterIP(at.family, 10), 53),
        urlOf('http', at.node, NODE_PORT),
        urlOf('http', outsideIP(at.family, 30), 80),
        urlOf('http', outsideIP(at.family, 40), 80),
      ]);
      const held = await holdAway();
      for (const each of load) await moreAnswers(each, 1);

      const burst = async (from: number, each: (proxier: Proxier, i: number) => void): Promise<void> => {
        for (let i = from; i < from + BURST; i++) each(proxier, i);
        await synced(proxier);
        for (const connection of held) expect(await connection.ask()).toMatchObject({ pod: 'away' });
      };
      const all = async (each: (proxier: Proxier, i: number) => void): Promise<void> => {
        for (let from = 0; from < CHANGING; from += BURST) await burst(from, each);
      };
      const one = async (): Promise<string | undefined> => {
        const [answer] = await agentOf('client').request(urlOf('http', clusterIP('inet', 1000), 80));
        return answer?.pod ?? answer?.error;
      };
      await all((to, i) => put(to, changing(i, 'first')));
      expect(await one()).toMatch(/^(web|away)$/);
      await all((to, i) => put(to, changing(i, 'first', { away: undefined })));
      expect(await one()).toBe('web');
      await all((to, i) => put(to, changing(i, 'later')));
      await all((to, i) => put(to, changing(i, 'first', { web: undefined })));
      expect(await one()).toBe('away');
      await all((to, i) => {
        const { service, slices } = changing(i, 'first');
        to.removeService(service);
        for (const slice of slices) to.removeSlice(slice);
      });
      // The node has no way to the address any more.
      expect(await one()).toBe('ENETUNREACH');

      for (const each of load) await moreAnswers(each, 1);
      await endWithoutError(...load);
      for (const connection of held) await connection.close({ reset: true });
      expect(await proxier.sync({ full: true })).toMatchObject({ kind: 'full', operations: [] });
    });
  });

  it(
    'no request fails while one back end hands over to the other, and what is refused stays refused',
    LONG,
    async () => {
      for (const rules of ['iptables', 'nft'] as const) {
        const answered = await beginNear(({ family }) => [
          urlOf('http', clusterIP(family, 10), 80),
          urlOf('http', outsideIP(family, 40), 80),
        ]);
        const refused = await Promise.all(
          PLACES.map((at) =>
            begin('client', [urlOf('http', outsideIP(at.family, 40), 80)], {
              localAddress: at.far,
              timeoutMs: 1000,
            }),
          ),
        );
        await synced(lab.proxier({ rules }, UNCHANGED));
        for (const load of answered) await moreAnswers(load, 1);
        await endWithoutError(...answered);
        for (const tries of refused) {
          loads.delete(tries);
          const [tally] = await tries.stop();
          expect(tally?.by).toEqual({});
          expect(new Set(tally?.errors)).toEqual(new Set(['ETIMEDOUT']));
        }
      }
    },
  );
});

/** Services that nothing happens to: each way to be reached. */
const UNCHANGED: readonly Sample[] = [
  sample('web', 10, { ports: [portOf('tcp', 80), portOf('udp', 53)] }),
  sample('ports', 20, { type: 'NodePort', ports: [portOf('tcp', 80, NODE_PORT)] }),
  sample('external', 30, { externalIPs: PLACES.map(({ family }) => outsideIP(family, 30)) }),
  sample('balanced', 40, {
    type: 'LoadBalancer',
    loadBalancerIPs: PLACES.map(({ family }) => outsideIP(family, 40)),
    loadBalancerSourceRanges: PLACES.map((at) => at.nearOnly),
  }),
];

const CHANGING = 200;
/** Fewer than what makes a sync compare everything. */
const BURST = 50;

/** One of the Services that change, of one family: with a cluster IP alone at first, later some with session affinity and some reachable in every way. */
function changing(i: number, kind: 'first' | 'later', conditions: Conditions = {}): Sample {
  const at = PLACES[i % 2];
  if (at === undefined) throw new Error('no family');
  const more: Partial<Sample['service']> =
    kind === 'first'
      ? {}
      : i % 5 > 0
        ? { affinitySeconds: 60 }
        : {
            type: 'LoadBalancer',
            ports: [portOf('tcp', 80, 31_000 + i)],
            // A few of them refuse the node, each with a rule of its own.
            loadBalancerIPs: i < 40 ? [outsideIP(at.family, 100 + i)] : [],
            loadBalancerSourceRanges: [i % 3 === 0 ? at.nearOnly : at.nearAndNode],
            externalTrafficPolicy: i % 3 === 0 ? 'Local' : 'Cluster',
          };
  const { service } = sample(`changing-${i}`, 1000 + i, {
    clusterIPs: [clusterIP(at.family, 1000 + i)],
    ...more,
  });
  return { service, slices: [sliceOf(service, at, conditions)] };
}

function put(proxier: Proxier, { service, slices }: Sample): void {
  proxier.upsertService(service);
  for (const slice of slices) proxier.upsertSlice(slice);
}

/** The same kernel, but that something happens before each batch of IPVS. */
function beforeBatches(kernel: Kernel, happens: () => Promise<void>): Kernel {
  const batch: Ipvs['batch'] = async (...args) => {
    await happens();
    return kernel.ipvs.batch(...args);
  };
  return replacing(kernel, 'ipvs', replacing(kernel.ipvs, 'batch', batch));
}
