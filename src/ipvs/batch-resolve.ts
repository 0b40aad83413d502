import { isValidation, type ValidationError } from '../errors.js';
import type { Bases } from './batch-bases.js';
import type { ParsedOperation } from './batch-operations.js';
import type { KernelRequest } from './codec.js';
import {
  applyDestinationPatch,
  DEFAULT_DESTINATION,
  type DestinationPatch,
  type DestinationSettings,
  isCompleteDestinationPatch,
  sameDestination,
} from './destination-settings.js';
import { destinationName, type ServiceId } from './identity.js';
import {
  applyServicePatch,
  defaultService,
  sameService,
  type ServicePatch,
  type ServiceSettings,
} from './service-settings.js';

/** What an operation comes to: a request, nothing to be written, or a patch that does not fit what the kernel has. */
export type Step =
  | { readonly request: KernelRequest; readonly conflict?: undefined }
  | { readonly request?: undefined; readonly conflict?: ValidationError };

const NOTHING: Step = {};

/** Make whole settings of a patch and its base. */
export function resolve(operation: ParsedOperation, bases: Bases): Step {
  try {
    const request = requestOf(operation, bases);
    return request === undefined ? NOTHING : { request };
  } catch (err) {
    if (isValidation(err)) return { conflict: err };
    throw err;
  }
}

function requestOf(operation: ParsedOperation, bases: Bases): KernelRequest | undefined {
  const { service } = operation;
  switch (operation.op) {
    case 'add':
      return { command: 'newService', service, settings: operation.settings };
    case 'set': {
      const { patch } = operation;
      const base = bases.services.get(service.url);
      const settings = applyServicePatch(
        base ?? assumedService(service, patch),
        patch,
        service.family,
        'attributes',
      );
      return base !== undefined && sameService(base, settings)
        ? undefined
        : { command: 'setService', service, settings };
    }
    case 'remove':
      return { command: 'delService', service };
    case 'addReal': {
      const { destination, settings } = operation;
      return { command: 'newDest', service, destination, settings };
    }
    case 'setReal': {
      const { destination, patch } = operation;
      const families = { service: service.family, destination: destination.family };
      const base = bases.destinations.get(service.url)?.get(destinationName(destination));
      const settings = applyDestinationPatch(
        base ?? assumedDestination(families, patch),
        patch,
        families,
        'realServer',
      );
      return base !== undefined && sameDestination(base, settings)
        ? undefined
        : { command: 'setDest', service, destination, settings };
    }
    case 'removeReal':
      return { command: 'delDest', service, destination: operation.destination };
  }
}

/** A base on which the patch of something that is not there makes sense: the kernel shall say that it is not there. */
function assumedService(service: ServiceId, patch: ServicePatch): ServiceSettings {
  const base = defaultService(service.family);
  const flags = patch.schedulerFlags;
  return patch.scheduler === undefined && flags !== undefined && (flags.fallback || flags.port)
    ? { ...base, scheduler: 'sh' }
    : base;
}

function assumedDestination(
  families: { readonly service: string; readonly destination: string },
  patch: DestinationPatch,
): DestinationSettings {
  if (isCompleteDestinationPatch(patch)) return DEFAULT_DESTINATION;
  const tunnelled = families.service !== families.destination || patch.tunnel !== undefined;
  return {
    ...DEFAULT_DESTINATION,
    forwarding: tunnelled ? 'tunnel' : 'masq',
    upperThreshold: patch.lowerThreshold ?? 0,
  };
}
