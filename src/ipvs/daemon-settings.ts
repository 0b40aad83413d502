import { ValidationError } from '../errors.js';
import { type Address, familyOf, formatAddress, parseAddress } from '../net/address.js';
import { integerIn } from '../net/number.js';
import { DaemonParts, IpvsDaemon } from '../native/records.js';
import { LITTLE_ENDIAN, type Table, textAt } from './records.js';
import { checkKeys, isObject } from './objects.js';
import type { SyncDaemon, SyncDaemonRole, SyncDaemonSpec } from './types.js';
