// npm's "install" script: makes sure that there is an addon, and never fails. A prebuild for this machine is used as it is;
// otherwise the addon is built, where that is possible. The package can be imported without one: openKernel() then says what
// is missing.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/** Null when the addon loads, else why it does not. */
function whyNotLoadable() {
  // In a process of its own: a build for another machine may do worse than throw.
  const program = `require('node-gyp-build')(${JSON.stringify(root)})`;
  const { status, stderr, error } = spawnSync(process.execPath, ['-e', program], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status === 0) return null;
  return /Error: (.*)/.exec(stderr ?? '')?.[1] ?? error?.message ?? 'it does not load';
}

function has(program, ...args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** Debian's names of what a build lacks here. */
function missingForBuild() {
  const missing = [];
  if (!has('g++', '--version') && !has('c++', '--version')) missing.push('g++');
  if (!has('make', '--version')) missing.push('make');
  if (!has('python3', '--version')) missing.push('python3');
  if (!has('pkg-config', '--version')) missing.push('pkg-config');
  else {
    if (!has('pkg-config', '--exists', 'libnl-3.0')) missing.push('libnl-3-dev');
    if (!has('pkg-config', '--exists', 'libnl-genl-3.0')) missing.push('libnl-genl-3-dev');
  }
  return missing;
}

/** The node-gyp of the project, of npm, or of the PATH. */
function nodeGyp() {
  if (process.env.npm_config_node_gyp) return [process.execPath, process.env.npm_config_node_gyp];
  try {
    return [process.execPath, require.resolve('node-gyp/bin/node-gyp.js')];
  } catch {
    return ['node-gyp'];
  }
}

/** Headers that are installed beside this Node, so that none have to be downloaded. */
function installedHeaders() {
  const prefix = resolve(realpathSync(process.execPath), '../..');
  const header = join(prefix, 'include/node/node_version.h');
  if (!existsSync(header)) return [];
  const text = readFileSync(header, 'utf8');
  const number = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  const version = `v${number('MAJOR')}.${number('MINOR')}.${number('PATCH')}`;
  return version === process.version ? [`--nodedir=${prefix}`] : [];
}

function build() {
  const [program, ...args] = nodeGyp();
  const { status } = spawnSync(program, [...args, 'rebuild', '--loglevel=warn', ...installedHeaders()], {
    cwd: root,
    stdio: 'inherit',
  });
  return status === 0;
}

function note(text) {
  console.log(`ipvs: ${text}`);
}

function install() {
  if (process.platform !== 'linux') {
    note(
      `the native addon is for Linux, this is ${process.platform}; everything that needs no kernel works.`,
    );
    return;
  }
  const why = whyNotLoadable();
  if (why === null) return;
  const missing = missingForBuild();
  if (missing.length > 0) {
    note(`no usable native addon (${why}), and none can be built here without: ${missing.join(' ')}`);
    note(`install them (Debian, Ubuntu: apt install ${missing.join(' ')}), then run: npm rebuild ipvs`);
    return;
  }
  if (!build()) {
    note('building the native addon failed, see above; then run: npm rebuild ipvs');
    return;
  }
  const still = whyNotLoadable();
  if (still !== null) note(`the addon was built but does not load: ${still}`);
}

install();
