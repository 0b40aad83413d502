/** Kubernetes Services to kernel state: as pure steps, and kept up to date by a {@link Proxier}. */
export * from './proxy/index.js';
export * from './proxier/index.js';
