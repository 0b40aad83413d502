// Exits 0 when node_modules holds what package-lock.json asks for. npm writes what it installed to
// node_modules/.package-lock.json, so the two lists can be compared without running npm.
import { existsSync, readFileSync } from 'node:fs';

function packages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

function current() {
  if (!existsSync('node_modules/.package-lock.json')) return false;
  const installed = packages('node_modules/.package-lock.json');
  return Object.entries(packages('package-lock.json')).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed[path];
    if (found === undefined) return wanted.optional === true; // for another platform
    return found.version === wanted.version && existsSync(`${path}/package.json`);
  });
}

process.exitCode = current() ? 0 : 1;
