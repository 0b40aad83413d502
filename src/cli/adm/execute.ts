import type { AdmCommand } from '../../ipvs/text/command.js';
import { runChanges } from './changes.js';
import { changeOf } from './operations.js';
import { attempt, complain, EXIT, type Session } from './session.js';
import { list, save } from './show.js';

/** What the tool multicasts through when nothing is said. */
const DEFAULT_INTERFACE = 'eth0';

/** A command that acts by itself. */
export type ExecutableCommand = Exclude<AdmCommand, { readonly command: 'restore' | 'help' | 'version' }>;

/** Run one command. @returns the exit code */
export async function execute(session: Session, command: ExecutableCommand): Promise<number> {
  const { ipvs } = session;
  switch (command.command) {
    case 'flush':
      return attempt(session, 'other', () => ipvs.flush());
    case 'zero':
      return attempt(session, 'service', () => ipvs.zero(command.service));
    case 'set':
      return attempt(session, 'other', () => ipvs.setTimeouts(command.timeouts));
    case 'start-daemon': {
      const { role, daemon } = command;
      return attempt(session, 'start-daemon', () =>
        ipvs.daemons.start({ interface: DEFAULT_INTERFACE, ...daemon, role }),
      );
    }
    case 'stop-daemon':
      return attempt(session, 'stop-daemon', () => ipvs.daemons.stop(command.role));
    case 'list':
      return list(session, command);
    case 'save':
      return save(session, command.numeric);
    default: {
      const [refusal] = await runChanges(ipvs, [changeOf(command)]);
      if (refusal === undefined) return EXIT.done;
      await complain(session, refusal);
      return EXIT.failed;
    }
  }
}
