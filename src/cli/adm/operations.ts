import type { AdmCommand } from '../../ipvs/text/command.js';
import type { IpvsOperation } from '../../ipvs/types.js';
import type { Attempt } from './messages.js';

/** A command that changes virtual or real servers, as an operation of a batch. */
export interface Change {
  readonly operation: IpvsOperation;
  readonly attempt: Attempt;
}

/** A command that is an operation of a batch. */
export type ChangeCommand = Extract<
  AdmCommand,
  {
    readonly command:
      'add-service' | 'edit-service' | 'delete-service' | 'add-server' | 'edit-server' | 'delete-server';
  }
>;

const CHANGES: ReadonlySet<string> = new Set<ChangeCommand['command']>([
  'add-service',
  'edit-service',
  'delete-service',
  'add-server',
  'edit-server',
  'delete-server',
]);

/** True for commands that {@link changeOf} takes. */
export function isChange(command: AdmCommand): command is ChangeCommand {
  return CHANGES.has(command.command);
}

/** The operation of a command. */
export function changeOf(command: ChangeCommand): Change {
  switch (command.command) {
    case 'add-service':
      return service('add', 'add-service', command);
    case 'edit-service':
      return service('set', 'edit-service', command);
    case 'delete-service':
      return { operation: { op: 'remove', virtualServer: command.service }, attempt: 'service' };
    case 'add-server':
      return server('addReal', 'add-server', command);
    case 'edit-server':
      return server('setReal', 'server', command);
    case 'delete-server':
      return {
        operation: { op: 'removeReal', virtualServer: command.service, realServer: command.server },
        attempt: 'server',
      };
  }
}

function service(
  op: 'add' | 'set',
  attempt: Attempt,
  command: Extract<AdmCommand, { readonly command: 'add-service' | 'edit-service' }>,
): Change {
  return {
    operation: { op, virtualServer: command.service, attributes: command.attributes },
    attempt,
  };
}

function server(
  op: 'addReal' | 'setReal',
  attempt: Attempt,
  command: Extract<AdmCommand, { readonly command: 'add-server' | 'edit-server' }>,
): Change {
  return {
    operation: {
      op,
      virtualServer: command.service,
      realServer: { ...command.server, ...command.attributes },
    },
    attempt,
  };
}
