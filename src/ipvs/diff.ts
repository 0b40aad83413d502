import type { DestinationSettings } from './destination-settings.js';
import { sameDestination } from './destination-settings.js';
import { type DestinationId, destinationName, type ServiceId } from './identity.js';
import { sameService, type ServiceSettings } from './service-settings.js';
import type { ServiceEntry } from './spec.js';

/** A virtual server as it was read, in the terms of the kernel. */
export interface ObservedService {
  readonly id: ServiceId;
  readonly settings: ServiceSettings;
  readonly destinations: readonly {
    readonly id: DestinationId;
    readonly settings: DestinationSettings;
  }[];
}

/** One difference between what is wanted and what is there. */
export type Difference =
  | { readonly op: 'add'; readonly service: ServiceId; readonly settings: ServiceSettings }
  | {
      readonly op: 'set';
      readonly service: ServiceId;
      readonly settings: ServiceSettings;
      readonly before: ServiceSettings;
    }
  | { readonly op: 'remove'; readonly service: ServiceId; readonly before: ServiceSettings }
  | {
      readonly op: 'addReal';
      readonly service: ServiceId;
      readonly destination: DestinationId;
      readonly settings: DestinationSettings;
    }
  | {
      readonly op: 'setReal';
      readonly service: ServiceId;
      readonly destination: DestinationId;
      readonly settings: DestinationSettings;
      readonly before: DestinationSettings;
    }
  | {
      readonly op: 'removeReal';
      readonly service: ServiceId;
      readonly destination: DestinationId;
      readonly before: DestinationSettings;
    };

/** What takes the observed state to the wanted one, and how much of it is as it should be. */
export interface Differences {
  readonly differences: readonly Difference[];
  /** Virtual and real servers that need no change. */
  readonly unchanged: number;
}

/**
 * Compare. Of a wanted virtual server without `destinations` the real servers are left alone.
 *
 * In an order that never leaves a virtual server with less than it has before and after: new and changed virtual servers in the
 * order given, each with its real servers (new ones, changed ones, and only then those that go), and at the end the virtual servers that
 * go. Nothing that is there under the same name is removed and added again.
 */
export function diffServices(
  wanted: readonly ServiceEntry[],
  observed: readonly ObservedService[],
): Differences {
  const there = new Map(observed.map((service) => [service.id.url, service]));
  const differences: Difference[] = [];
  let unchanged = 0;
  for (const { id: service, settings, destinations } of wanted) {
    const before = there.get(service.url);
    there.delete(service.url);
    if (before === undefined) differences.push({ op: 'add', service, settings });
    else if (sameService(before.settings, settings)) unchanged++;
    else differences.push({ op: 'set', service, settings, before: before.settings });
    if (destinations === undefined) {
      unchanged += before?.destinations.length ?? 0;
      continue;
    }
    const held = new Map(before?.destinations.map((entry) => [destinationName(entry.id), entry]));
    const changed: Difference[] = [];
    for (const { id: destination, settings } of destinations) {
      const name = destinationName(destination);
      const former = held.get(name);
      held.delete(name);
      if (former === undefined) differences.push({ op: 'addReal', service, destination, settings });
      else if (sameDestination(former.settings, settings)) unchanged++;
      else changed.push({ op: 'setReal', service, destination, settings, before: former.settings });
    }
    for (const change of changed) differences.push(change);
    for (const { id: destination, settings } of held.values()) {
      differences.push({ op: 'removeReal', service, destination, before: settings });
    }
  }
  for (const { id: service, settings } of there.values()) {
    differences.push({ op: 'remove', service, before: settings });
  }
  return { differences, unchanged };
}
