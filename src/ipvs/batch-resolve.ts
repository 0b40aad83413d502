import { isValidation, type ValidationError } from '../errors.js';
import type { Answer, Bases } from './batch-bases.js';
import type { ParsedOperation } from './batch-operations.js';
import type { KernelRequest } from './codec.js';
import {
  applyDestinationPatch,
  DEFAULT_DESTINATION,
  isCompleteDestinationPatch,
  sameDestination,
} from './destination-settings.js';
import { destinationName } from './identity.js';
import {
  applyServicePatch,
  defaultService,
  isCompleteServicePatch,
  sameService,
} from './service-settings.js';

/** What an operation comes to. */
export type Step =
  /** To be sent. */
  | { readonly kind: 'request'; readonly request: KernelRequest }
  /** It is like that already. */
  | { readonly kind: 'nothing' }
  /** The patch does not fit what the kernel has. */
  | { readonly kind: 'conflict'; readonly conflict: ValidationError }
  /** What it is to change was not there when it was read, or could not be read, as the answer says. */
  | { readonly kind: 'missing'; readonly answer: Answer | undefined };

const NOTHING: Step = { kind: 'nothing' };

/** Make whole settings of a patch and its base. */
export function resolve(operation: ParsedOperation, bases: Bases): Step {
  try {
    return stepOf(operation, bases);
  } catch (err) {
    if (isValidation(err)) return { kind: 'conflict', conflict: err };
    throw err;
  }
}

function send(request: KernelRequest): Step {
  return { kind: 'request', request };
}

function stepOf(operation: ParsedOperation, bases: Bases): Step {
  const { service } = operation;
  switch (operation.op) {
    case 'add':
      return send({ command: 'newService', service, settings: operation.settings });
    case 'set': {
      const { patch } = operation;
      const complete = isCompleteServicePatch(patch);
      const base = complete ? defaultService(service.family) : bases.services.get(service.url);
      if (base === undefined) return { kind: 'missing', answer: bases.answers.get(service.url) };
      const settings = applyServicePatch(base, patch, service.family, 'attributes');
      // What was read says nothing of a complete one: operations before it may change that.
      if (!complete && sameService(base, settings)) return NOTHING;
      return send({ command: 'setService', service, settings });
    }
    case 'remove':
      return send({ command: 'delService', service });
    case 'addReal': {
      const { destination, settings } = operation;
      return send({ command: 'newDest', service, destination, settings });
    }
    case 'setReal': {
      const { destination, patch } = operation;
      const families = { service: service.family, destination: destination.family };
      const complete = isCompleteDestinationPatch(patch);
      const base = complete
        ? DEFAULT_DESTINATION
        : bases.destinations.get(service.url)?.get(destinationName(destination));
      if (base === undefined) return { kind: 'missing', answer: bases.answers.get(service.url) };
      const settings = applyDestinationPatch(base, patch, families, 'realServer');
      if (!complete && sameDestination(base, settings)) return NOTHING;
      return send({ command: 'setDest', service, destination, settings });
    }
    case 'removeReal':
      return send({ command: 'delDest', service, destination: operation.destination });
  }
}
