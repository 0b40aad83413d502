import { type Command, Option } from 'commander';
import { ValidationError } from '../../errors.js';
import { type Family, splitHostPort, tryParseAddress } from '../../net/address.js';
import { parseUrl } from '../../plan/canonical.js';
import {
  desiredView,
  deriveNodeFacts,
  explain,
  formatExplanation,
  KUBE_INTERFACE,
  kubeScope,
  type NodeFacts,
  type NodeView,
  observe,
  observedView,
  type Packet,
  type ViewNode,
} from '../../proxy/index.js';
import type { CliContext } from '../io.js';
import { addKernelOptions, addStateOptions, type KernelFlags, type StateFlags } from '../options.js';
import { stateFromFlags } from '../state.js';
import { withKernel } from '../with-kernel.js';

const FORMATS = ['text', 'json'] as const;

interface ExplainFlags extends Partial<StateFlags>, KernelFlags {
  readonly from: string;
  readonly inInterface?: string;
  readonly bridged?: boolean;
  readonly format: (typeof FORMATS)[number];
}

/** `192.0.2.7`, `192.0.2.7:40000`, `2001:db8::7`, `[2001:db8::7]:40000`, `node`. */
function sourceOf(text: string, family: Family): Pick<Packet, 'source' | 'sourcePort'> {
  if (text === 'node' || tryParseAddress(text)?.family === family) return { source: text };
  const { address, port, family: other } = splitHostPort(text, '--from');
  if (other !== family)
    throw new ValidationError('--from', 'an address of the same family as the destination, or node', text);
  return { source: address, ...(port === undefined ? {} : { sourcePort: port }) };
}

function viewNode(node: NodeFacts, family: Family): ViewNode {
  const primaryIP = node.primaryIPs.find((address) => tryParseAddress(address)?.family === family);
  return {
    interface: KUBE_INTERFACE,
    interfaces: node.interfaces,
    ...(primaryIP === undefined ? {} : { primaryIP }),
  };
}

/** What manifests ask for, as if it were applied. */
async function renderedView(flags: StateFlags, family: Family, context: CliContext): Promise<NodeView> {
  const families = { family: family === 'inet' ? 'ipv4' : 'ipv6' } as const;
  const { state, node } = await stateFromFlags({ ...flags, ...families }, context);
  const [only] = state.families;
  if (only === undefined) throw new ValidationError('--family', 'the family of the destination', family);
  return desiredView(only, viewNode(node, family), state.rules);
}

/** What the kernel has. */
async function liveView(flags: ExplainFlags, family: Family, context: CliContext): Promise<NodeView> {
  return withKernel(flags, context, async (kernel) => {
    const scope = kubeScope({ families: [family], excludeCIDRs: [] });
    const observed = await observe(kernel, scope);
    const node = await deriveNodeFacts(kernel, context.dependencies.hostname());
    return observedView(observed, family, viewNode(node, family));
  });
}

/** `ipvs explain`: what rules, sets and virtual servers do with a packet; changes nothing. */
export function explainCommand(program: Command, context: CliContext): void {
  addKernelOptions(
    addStateOptions(
      program
        .command('explain')
        .description(
          'Say which rules and sets decide about a new connection, and where it ends: with the manifests of -f, or else in the kernel.',
        )
        .argument('<destination>', 'PROTOCOL://ADDRESS:PORT, such as tcp://10.96.0.10:80'),
      { required: false },
    ),
  )
    .requiredOption('--from <source>', 'ADDRESS or ADDRESS:PORT of the client, or node for the node itself')
    .option('--in-interface <name>', 'where it comes in (default: where the source’s network is)')
    .option('--bridged', 'it comes through a port of a bridge that iptables sees (br_netfilter)')
    .addOption(new Option('--format <format>', 'how to print').choices(FORMATS).default('text'))
    .action(async (url: string, flags: ExplainFlags) => {
      const { protocol, address, port, family } = parseUrl(url, 'destination');
      const packet: Packet = {
        protocol,
        ...sourceOf(flags.from, family),
        destination: address,
        destinationPort: port,
        ...(flags.inInterface === undefined ? {} : { inInterface: flags.inInterface }),
        ...(flags.bridged === undefined ? {} : { bridged: flags.bridged }),
      };
      const { filename } = flags;
      const view =
        filename === undefined
          ? await liveView(flags, family, context)
          : await renderedView({ ...flags, filename }, family, context);
      const explanation = explain(view, packet);
      context.io.out(
        flags.format === 'json'
          ? `${JSON.stringify(explanation, undefined, 2)}\n`
          : `${formatExplanation(explanation)}\n`,
      );
    });
}
