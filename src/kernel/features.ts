import { isNetlinkError } from '../errors.js';
import type { Ipset } from '../ipset/types.js';
import type { Ipvs } from '../ipvs/types.js';
import type { CallOptions } from '../netlink/types.js';
import type { Features } from './types.js';

/** The reason that a caller can act upon; anything but a kernel's refusal is a real error. */
function reasonOf(err: unknown): string {
  if (isNetlinkError(err)) return err.message;
  throw err;
}

/** Ask each subsystem the cheapest question that tells whether it answers. */
export async function probeFeatures(
  kernel: { readonly ipvs: Ipvs; readonly ipset: Ipset },
  options?: CallOptions,
): Promise<Features> {
  const ipvs = kernel.ipvs.info(options).then(
    ({ version }) => ({ available: true, version }) as const,
    (err: unknown) => ({ available: false, reason: reasonOf(err) }) as const,
  );
  const ipset = kernel.ipset
    .protocol(options)
    .then(async ({ current }) => {
      const types = await kernel.ipset.types(options);
      return { available: true, protocol: current, types } as const;
    })
    .catch((err: unknown) => ({ available: false, reason: reasonOf(err) }) as const);
  return { ipvs: await ipvs, ipset: await ipset };
}
