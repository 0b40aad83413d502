import { ValidationError } from '../errors.js';
import { canonicalAddress, joinHostPort, parseAddress } from '../net/address.js';
import { cidrContains, tryParseCidr } from '../net/cidr.js';
import { portNumber } from '../net/number.js';
import { kubeSetName } from '../rules/kube/names.js';
import { type Flight, type IsLocal, localTest, Traversal, type Verdict, type Walk } from './chains.js';
import { NftTraversal } from './nft.js';
import type {
  Explanation,
  NodeView,
  Outcome,
  Packet,
  RealServerOutcome,
  ViewRealServer,
  ViewVirtualServer,
} from './types.js';

/** Sets that exempt from masquerading what policy Local is for. */
const LOCAL_POLICY = /^KUBE-.*-LOCAL(?:-|$)/;

type Located = Packet & { readonly origin: 'outside' | 'node' };

const inAny = (networks: readonly string[] | undefined, address: string): boolean =>
  networks?.some((text) => {
    const cidr = tryParseCidr(text);
    return cidr !== undefined && cidrContains(cidr, parseAddress(address, 'address').bytes);
  }) ?? false;

/** Fills in what the kernel would: the source of the node's own packets, and the interface that others come in through. */
function locate(view: NodeView, packet: Packet): Located {
  const { family } = view;
  const destination = canonicalAddress(packet.destination, 'destination', family);
  const destinationPort = portNumber(packet.destinationPort, 'destinationPort', 1);
  const sourcePort =
    packet.sourcePort === undefined ? {} : { sourcePort: portNumber(packet.sourcePort, 'sourcePort', 1) };
  const isLocal = localTest(view);
  if (packet.source === 'node') {
    const source = isLocal(destination) ? destination : view.primaryIP;
    if (source === undefined)
      throw new ValidationError('source', 'an address: that of the node is not known', packet.source);
    return { ...packet, ...sourcePort, source, destination, destinationPort, origin: 'node' };
  }
  const source = canonicalAddress(packet.source, 'source', family);
  if (isLocal(source))
    return { ...packet, ...sourcePort, source, destination, destinationPort, origin: 'node' };
  const inInterface =
    packet.inInterface ?? view.interfaces.find(({ networks }) => inAny(networks, source))?.name;
  return {
    ...packet,
    ...sourcePort,
    source,
    destination,
    destinationPort,
    ...(inInterface === undefined ? {} : { inInterface }),
    origin: 'outside',
  };
}

/** The virtual server that IPVS finds: by the packet's mark, by address and port, by the address at any port. */
function virtualServerOf(view: NodeView, packet: Packet, mark: number): ViewVirtualServer | undefined {
  const at = (port: number): ViewVirtualServer | undefined =>
    view.virtualServers.find(
      (server) =>
        server.protocol === packet.protocol && server.address === packet.destination && server.port === port,
    );
  const marked = mark === 0 ? undefined : view.virtualServers.find(({ fwmark }) => fwmark === mark);
  return marked ?? at(packet.destinationPort) ?? at(0);
}

/** The address that masquerading gives: that of the interface on the way, where it can be told without routes. */
function masqueradeAddress(view: NodeView, destination: string): string | undefined {
  for (const { addresses, networks } of view.interfaces) {
    const network = networks?.find((text) => inAny([text], destination));
    const own = network === undefined ? undefined : addresses.find((address) => inAny([network], address));
    if (own !== undefined) return own;
  }
  return view.primaryIP;
}

/** One packet on its way through one node. */
class Way {
  readonly #view: NodeView;
  readonly #packet: Located;
  readonly #isLocal: IsLocal;
  readonly #traversal: Walk;

  constructor(view: NodeView, packet: Located) {
    this.#view = view;
    this.#packet = packet;
    this.#isLocal = localTest(view);
    this.#traversal = this.#walk();
  }

  #walk(mark = 0): Walk {
    const { nft } = this.#view;
    return nft === undefined
      ? new Traversal(this.#view, this.#isLocal, mark)
      : new NftTraversal(nft, this.#isLocal, mark);
  }

  explain(): Explanation {
    const outcome = this.#packet.origin === 'node' ? this.#fromNode() : this.#fromOutside();
    const notes = [...(this.#view.notes ?? []), ...this.#unknownRules(), ...this.#lostAnswers(outcome)];
    return {
      family: this.#view.family === 'inet' ? 'ipv4' : 'ipv6',
      packet: this.#packet,
      steps: this.#traversal.steps,
      outcome,
      notes,
    };
  }

  #flight(): Flight {
    return { ...this.#packet, bridged: this.#packet.bridged === true };
  }

  #fromOutside(): Outcome {
    const flight = this.#flight();
    const before = ended(this.#traversal.run('PREROUTING', 'nat', flight));
    if (before !== undefined) return before;
    if (!this.#isLocal(flight.destination)) {
      const verdict = this.#traversal.run('FORWARD', 'filter', flight);
      return ended(verdict) ?? this.#leave(flight);
    }
    // The filter sees the virtual address: IPVS comes behind it.
    const verdict = this.#traversal.run('INPUT', 'filter', flight);
    const over = ended(verdict);
    if (over !== undefined) return over;
    return this.#balance(flight) ?? { verdict: 'delivered', address: flight.destination };
  }

  #fromNode(): Outcome {
    const flight = this.#flight();
    const over = ended(this.#traversal.run('OUTPUT', 'nat', flight));
    if (over !== undefined) return over;
    // IPVS comes behind nat. The filter of iptables comes behind IPVS, and sees the real server; that of nft comes before it.
    const filter = (): Outcome | undefined => ended(this.#traversal.run('OUTPUT', 'filter', flight));
    const early = this.#view.nft === undefined ? undefined : filter();
    if (early !== undefined) return early;
    const balanced = this.#balance(flight);
    if (balanced !== undefined) return balanced;
    const late = this.#view.nft === undefined ? filter() : undefined;
    if (late !== undefined) return late;
    if (!this.#isLocal(flight.destination)) return this.#leave(flight);
    const { masquerade } = this.#masquerade(
      this.#traversal.run('POSTROUTING', 'nat', flight),
      flight.destination,
    );
    const source = masquerade?.address ?? flight.source;
    const input = this.#traversal.run('INPUT', 'filter', { ...flight, source, inInterface: 'lo' });
    return ended(input) ?? { verdict: 'delivered', address: flight.destination };
  }

  /** Past the filter, to where routes lead. */
  #leave(flight: Flight): Outcome {
    const verdict = this.#traversal.run('POSTROUTING', 'nat', flight);
    const over = ended(verdict);
    if (over !== undefined) return over;
    return { verdict: 'forwarded', ...this.#masquerade(verdict, flight.destination) };
  }

  #masquerade(
    verdict: Verdict,
    destination: string,
  ): Pick<Extract<Outcome, { verdict: 'forwarded' }>, 'masquerade'> {
    if (verdict.verdict !== 'masquerade') return {};
    const address = masqueradeAddress(this.#view, destination);
    return { masquerade: { by: verdict.by, ...(address === undefined ? {} : { address }) } };
  }

  /** IPVS; undefined when it has no virtual server for the packet. */
  #balance(flight: Flight): Outcome | undefined {
    const server = virtualServerOf(this.#view, this.#packet, this.#traversal.mark);
    if (server === undefined) return undefined;
    const realServers = server.realServers.map((real) => this.#towards(real, flight));
    const { url: virtualServer, scheduler, persistenceTimeout } = server;
    const eligible = realServers.filter((real) => real.eligible);
    if (eligible.length === 0) return { verdict: 'no real server', virtualServer, realServers };
    const [stop] = eligible;
    if (stop?.stoppedBy !== undefined && eligible.every((real) => real.stoppedBy !== undefined)) {
      const rejected = stop.steps.at(-1)?.effect === 'reject';
      return { verdict: rejected ? 'rejected' : 'dropped', by: stop.stoppedBy, virtualServer };
    }
    return { verdict: 'balanced', virtualServer, scheduler, persistenceTimeout, realServers };
  }

  /** From IPVS to one real server. */
  #towards(real: ViewRealServer, flight: Flight): RealServerOutcome {
    const eligible = real.weight > 0;
    const translated = real.forwarding === 'masq';
    // A tunnel puts the packet into one of the node's own, which rules see instead.
    if (real.forwarding === 'tunnel') return { ...real, eligible, steps: [], seenAs: flight.source };
    const to: Flight = {
      ...flight,
      ...(translated ? { destination: real.address, destinationPort: real.port } : {}),
      virtual: this.#packet,
    };
    const traversal = this.#walk(this.#traversal.mark);
    const here = real.forwarding === 'local' || (translated && this.#isLocal(real.address));
    // A real server on the node itself: what came from outside is delivered, and passes nothing more.
    if (here && this.#packet.origin === 'outside')
      return { ...real, eligible, steps: [], seenAs: flight.source };
    // What IPVS sends away passes the hook once more, from its beginning. What stays here goes on where it was, which is behind nft's filter.
    const filter: Verdict =
      here && this.#view.nft !== undefined ? { verdict: 'accept' } : traversal.run('OUTPUT', 'filter', to);
    const stoppedBy = filter.verdict === 'drop' || filter.verdict === 'reject' ? filter.by : undefined;
    if (stoppedBy !== undefined) return { ...real, eligible, steps: traversal.steps, stoppedBy };
    const verdict = traversal.run('POSTROUTING', 'nat', to);
    const masquerade = this.#masquerade(verdict, real.address);
    const seenAs = verdict.verdict === 'masquerade' ? masquerade.masquerade?.address : flight.source;
    return {
      ...real,
      eligible,
      steps: traversal.steps,
      ...masquerade,
      ...(seenAs === undefined ? {} : { seenAs }),
    };
  }

  #unknownRules(): string[] {
    return this.#traversal.steps.some(({ effect }) => effect === 'unknown')
      ? ['rules that are marked unknown could not be judged, and were taken for not matching']
      : [];
  }

  /** `10.244.1.11 tcp 8080` for every endpoint on this node: KUBE-LOOP-BACK has them. */
  #endpointsHere(): ReadonlySet<string> {
    const { nft, sets, family } = this.#view;
    const name = kubeSetName('KUBE-LOOP-BACK', family);
    const entries =
      nft === undefined ? sets.get(name)?.entries : nft.sets.find((set) => set.name === name)?.elements;
    // `10.244.1.11,tcp:8080,10.244.1.11` of ipset, `10.244.1.11 . tcp . 8080 . 10.244.1.11` of nft.
    const parts = nft === undefined ? /^([^,]+),(\w+):(\d+),/ : /^(\S+) \. (\S+) \. (\d+) \. /;
    return new Set(entries?.map((entry) => parts.exec(entry)?.slice(1).join(' ') ?? ''));
  }

  /** Why the answers of a real server on another node that sees the client as it is are lost; undefined when they are not. */
  #lostBecause(): string | undefined {
    const { source, origin } = this.#packet;
    const { interfaces, virtualInterface } = this.#view;
    if (origin === 'node') {
      const isVirtual = interfaces.some(
        ({ name, addresses }) => name === virtualInterface && addresses.includes(source),
      );
      return isVirtual ? 'which is an address of that node too: its answer goes nowhere' : undefined;
    }
    // Policy Local keeps the client's address also where it falls back to endpoints of other nodes. Only here answers are translated back.
    const isLocalPolicy = this.#traversal.steps.some(({ sets }) =>
      sets.some(({ set }) => LOCAL_POLICY.test(set)),
    );
    return isLocalPolicy
      ? `and its answer goes past this node and is lost, unless ${source} is a pod of this node (policy Local without endpoints here)`
      : undefined;
  }

  #lostAnswers(outcome: Outcome): string[] {
    const why = this.#lostBecause();
    if (outcome.verdict !== 'balanced' || why === undefined) return [];
    const { protocol, source } = this.#packet;
    const here = this.#endpointsHere();
    return outcome.realServers
      .filter(({ eligible, forwarding, seenAs }) => eligible && forwarding === 'masq' && seenAs === source)
      .filter(({ address, port }) => !here.has(`${address} ${protocol} ${port}`))
      .map(
        ({ address, port }) => `${joinHostPort(address, port)} is on another node and sees ${source}, ${why}`,
      );
  }
}

function ended(verdict: Verdict): Extract<Outcome, { verdict: 'dropped' | 'rejected' }> | undefined {
  if (verdict.verdict === 'drop') return { verdict: 'dropped', by: verdict.by };
  if (verdict.verdict === 'reject') return { verdict: 'rejected', by: verdict.by };
  return undefined;
}

/**
 * Where the first packet of a connection goes, and which rules and sets decide. Pure: it evaluates the view, in the order of the
 * kernel's hooks, and touches nothing.
 *
 * From outside: nat PREROUTING, routing, filter INPUT (which sees the virtual address), IPVS; from the node itself: nat OUTPUT, IPVS. Behind
 * IPVS, on the way to each real server: filter OUTPUT (which sees the real server) and nat POSTROUTING. What is for no address of the node goes
 * through FORWARD. Rules of others, routes and settings (`net/ipv4/vs/conntrack` is taken for 1) are not looked at.
 * @throws ValidationError for addresses that are none of the view's family, and ports out of range.
 */
export function explain(view: NodeView, packet: Packet): Explanation {
  return new Way(view, locate(view, packet)).explain();
}
