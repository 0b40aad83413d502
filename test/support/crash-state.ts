import type { DesiredState, OwnershipScope, RulesBackend } from '../../src/plan/types.js';
import { SCOPE, state } from '../unit/plan/states.js';

/** One family, and of the back ends only what is used: every look at rules starts a program, which is slow where the crash test runs. */
export const crashScope = (rules: RulesBackend): OwnershipScope => ({
  ...SCOPE,
  families: SCOPE.families
    .filter(({ family }) => family === 'inet')
    .map((family) => ({ ...family, nft: rules === 'nft' })),
});

/** A bit of everything. */
export const crashState = (rules: RulesBackend): DesiredState =>
  state({
    servers: {
      'tcp://10.96.0.10:80': ['10.244.1.2:8080', '10.244.1.3:8080'],
      'tcp://10.96.0.20:443': ['10.244.1.5:8443'],
      'udp://10.96.0.53:53': ['10.244.1.2:5353', '10.244.1.3:5353'],
    },
    entries: ['10.96.0.10,tcp:80', '10.96.0.20,tcp:443', '10.96.0.53,udp:53'],
    bound: ['10.96.0.10', '10.96.0.20', '10.96.0.53'],
    rules: 'OURS-A',
    backend: rules,
  });
