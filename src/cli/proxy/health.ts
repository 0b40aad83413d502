import type { Answer, Routes } from './serve.js';

/** What is asked about. */
export interface HealthState {
  /** Whether changes are programmed in time. */
  readonly healthy: boolean;
  /** Milliseconds since the epoch of the last sync that succeeded. */
  readonly lastSuccess: number | undefined;
  /** Whether load balancers should send new connections to this node at all. */
  readonly nodeEligible: boolean;
}

/**
 * The health checks of kube-proxy: `/healthz`, which load balancers ask whether to send connections here, and `/livez`, which the kubelet asks
 * whether to start this process anew. They differ for a node that is about to go.
 * @param answered Told about each answer.
 */
export function healthRoutes(
  state: () => HealthState,
  answered: (path: string, status: number) => void,
): Routes {
  const answer = (path: string): Answer => {
    const { healthy, lastSuccess = 0, nodeEligible } = state();
    const now = new Date().toISOString();
    const well = healthy && (path === '/livez' || nodeEligible);
    const status = well ? 200 : 503;
    answered(path, status);
    return {
      status,
      type: 'application/json',
      // While it is well, the time is now, whether there was anything to do or not.
      body: JSON.stringify({
        lastUpdated: well ? now : new Date(lastSuccess).toISOString(),
        currentTime: now,
        ...(path === '/livez' ? {} : { nodeEligible }),
      }),
    };
  };
  return { '/healthz': () => answer('/healthz'), '/livez': () => answer('/livez') };
}
