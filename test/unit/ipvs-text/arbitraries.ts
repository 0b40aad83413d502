import fc from 'fast-check';
import type { RealServerSpec, VirtualServerSpec } from '../../../src/ipvs/types.js';
import { address4, address6, attributesFor, isInet6, realAttributes, url } from '../ipvs/arbitraries.js';

/** The port of a virtual server by address; undefined for one by firewall mark. */
export function portOf(text: string): number | undefined {
  const port = /:(\d+)$/.exec(text)?.[1];
  return text.startsWith('fwmark') || port === undefined ? undefined : Number(port);
}

function realServersOf(text: string): fc.Arbitrary<readonly RealServerSpec[]> {
  const own = portOf(text);
  return fc.uniqueArray(
    fc
      .tuple(isInet6(text) ? address6 : address4, fc.integer({ min: 1, max: 65535 }), realAttributes)
      // No switch says local or bypass, and ports are rewritten by masquerading only.
      .filter(([, , { forwarding }]) => forwarding !== 'local' && forwarding !== 'bypass')
      .map(([address, port, attributes]) => ({
        address,
        port: attributes.forwarding === 'masq' ? port : (own ?? port),
        ...attributes,
      })),
    { selector: ({ address, port }) => `${address} ${String(port)}`, maxLength: 4 },
  );
}

const server: fc.Arbitrary<VirtualServerSpec> = url
  .chain((text) => fc.tuple(fc.constant(text), attributesFor(text), realServersOf(text)))
  // Without persistence, port 0 means nothing.
  .filter(([text, { persistence }]) => portOf(text) !== 0 || persistence !== false)
  .map(([text, attributes, realServers]) => ({ url: text, ...attributes, realServers }));

/** Tables that the text of ipvsadm can say. */
export const restorableTable: fc.Arbitrary<readonly VirtualServerSpec[]> = fc.uniqueArray(server, {
  selector: ({ url: text }) => text,
  maxLength: 8,
});
