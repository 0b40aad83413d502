import type { KubeConfig } from '@kubernetes/client-node';
import { ValidationError } from '../../errors.js';

/** How to reach an API server. Without either: as a pod of the cluster. */
export interface ClusterOptions {
  /** A kubeconfig file. */
  readonly kubeconfig?: string;
  /** Address of the API server: `https://192.0.2.1:6443`. Wins over the one in the file; alone it is asked without credentials. */
  readonly master?: string;
}

const PACKAGE = '@kubernetes/client-node';
/** What the kubelet tells every container. */
const IN_CLUSTER = 'KUBERNETES_SERVICE_HOST';

/** The official client, which is no dependency of this package: it is many times larger. */
async function load() {
  try {
    return await import('@kubernetes/client-node');
  } catch (err) {
    const why = err instanceof Error ? err.message : String(err);
    const missing = err instanceof Error && 'code' in err && err.code === 'ERR_MODULE_NOT_FOUND';
    throw new Error(
      missing
        ? `an API server is watched with the package ${PACKAGE}, which is not installed: npm install ${PACKAGE}@1`
        : `the package ${PACKAGE} cannot be loaded (${why}); its version 2 needs Node 22.19: npm install ${PACKAGE}@1`,
      { cause: err },
    );
  }
}

/** @throws ValidationError */
function serverUrl(text: string, path: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new ValidationError(path, 'the URL of an API server, such as https://192.0.2.1:6443', text);
  return text.replace(/\/+$/, '');
}

/** Where the API server is, and who we are to it. */
export interface Access {
  /** Without a slash at the end. */
  readonly server: string;
  readonly config: KubeConfig;
}

/**
 * Read what says where the API server is. Asks nothing of it.
 * @throws ValidationError naming the file or option; an Error when the client is not installed; what reading the file throws.
 */
export async function access({ kubeconfig, master }: ClusterOptions): Promise<Access> {
  if (kubeconfig === undefined && master === undefined && process.env[IN_CLUSTER] === undefined)
    throw new Error(
      `there is nothing to watch: give files (-f), --kubeconfig or --master, or run in a pod of the cluster (${IN_CLUSTER} is not set)`,
    );
  const { KubeConfig } = await load();
  const config = new KubeConfig();
  if (kubeconfig !== undefined) {
    try {
      config.loadFromFile(kubeconfig);
    } catch (err) {
      if (err instanceof Error && 'path' in err) throw err; // of the file system
      const [why = ''] = (err instanceof Error ? err.message : String(err)).split('\n');
      throw new ValidationError(kubeconfig, 'a kubeconfig', why, { cause: err });
    }
  } else if (master === undefined) {
    config.loadFromCluster();
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null && kubeconfig !== undefined)
    throw new ValidationError(
      kubeconfig,
      'a kubeconfig whose current-context has a cluster',
      config.currentContext,
    );
  const server =
    master === undefined
      ? serverUrl(cluster?.server ?? '', kubeconfig ?? IN_CLUSTER)
      : serverUrl(master, '--master');
  config.loadFromClusterAndUser(
    {
      ...cluster,
      name: 'cluster',
      server,
      // The client wants to be told that there is nothing to verify.
      skipTLSVerify: server.startsWith('http:') || cluster?.skipTLSVerify === true,
    },
    // Without a user the client forgets the certificates of the cluster.
    config.getCurrentUser() ?? { name: 'nobody' },
  );
  return { server, config };
}
