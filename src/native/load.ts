import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AddonUnavailableError } from '../errors.js';
import type { Addon } from './addon.js';

/** The folder of the package, seen from src/native and from dist/native alike. */
const PACKAGE: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const BUILD_TOOLS = 'g++, make, python3, pkg-config, libnl-3-dev and libnl-genl-3-dev';

let loaded: Addon | undefined;

/**
 * Load the native addon: a prebuild, or what `npm install` has built. Nothing is loaded before the first call; later calls return the
 * same one. A failure is not remembered, so that installing what is missing is enough.
 *
 * Set `IPVS_PREBUILD` to a folder that holds `build/Release/*.node` to take the addon from there (node-gyp-build).
 *
 * @throws AddonUnavailableError when it cannot be loaded: not on Linux, libnl is missing, or there is no build for this machine.
 */
export function loadAddon(): Addon {
  if (loaded !== undefined) return loaded;
  if (process.platform !== 'linux') throw explainLoadFailure(undefined, process.platform);
  try {
    const require = createRequire(import.meta.url);
    const load = require('node-gyp-build') as (folder: string) => unknown;
    loaded = load(PACKAGE) as Addon;
  } catch (cause) {
    throw explainLoadFailure(cause, process.platform);
  }
  return loaded;
}

/** What a failure to load means and what can be done about it. */
export function explainLoadFailure(cause: unknown, platform: string): AddonUnavailableError {
  const options = cause === undefined ? undefined : { cause };
  if (platform !== 'linux') {
    return new AddonUnavailableError(
      `the native addon drives the Linux kernel, this is ${platform}`,
      "run it on Linux; ipvs/testing's fakeKernel() and everything that needs no kernel work here",
      options,
    );
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  const library = /(libnl[\w-]*\.so\.\d+)/.exec(message)?.[1];
  if (library !== undefined) {
    return new AddonUnavailableError(
      `the native addon needs ${library}, which is not installed`,
      'install libnl: apt install libnl-3-200 libnl-genl-3-200 (Debian, Ubuntu), apk add libnl3 (Alpine), dnf install libnl3 (Fedora)',
      options,
    );
  }
  const machine = `Node ${process.version} on ${process.arch}`;
  if (message.includes('No native build was found')) {
    return new AddonUnavailableError(
      `there is no native build for ${machine}`,
      `install ${BUILD_TOOLS}, then run: npm rebuild ipvs`,
      options,
    );
  }
  return new AddonUnavailableError(
    `the native build does not load in ${machine} (${firstLine(message)})`,
    `it may be made for another processor, C library or Node: install ${BUILD_TOOLS}, then run: npm rebuild ipvs`,
    options,
  );
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
