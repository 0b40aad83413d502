import type { ChannelCounters } from './types.js';

/** What a channel that nobody has opened yet has done. */
export const NO_COUNTERS: ChannelCounters = {
  sends: 0,
  receives: 0,
  messages: 0,
  bytesSent: 0,
  bytesReceived: 0,
  dumps: 0,
  overruns: 0,
  sockets: 0,
};
