#pragma once

#include <cstdint>

#include "nl/writer.h"
#include "seam/records.h"

namespace ipvs {

/// One request:
///
///     nlmsghdr, genlmsghdr
///     SERVICE { AF, FWMARK | (PROTOCOL, ADDR, PORT), [SCHED_NAME, FLAGS, TIMEOUT, NETMASK],
///     [PE_NAME] } DEST    { ADDR, PORT, [FWD_METHOD, WEIGHT, U_THRESH, L_THRESH, TUN_TYPE,
///     TUN_PORT, TUN_FLAGS], ADDR_FAMILY } DAEMON  { STATE, [MCAST_IFN, SYNC_ID, SYNC_MAXLEN,
///     MCAST_GROUP, MCAST_GROUP6, MCAST_PORT, MCAST_TTL] } TIMEOUT_TCP, TIMEOUT_TCP_FIN,
///     TIMEOUT_UDP
///
/// Which of them are there is up to `op.parts`. ADDR_FAMILY always goes with a destination: without
/// it the kernel takes the first four bytes of an IPv6 address for an IPv4 one. `dump` adds
/// NLM_F_DUMP.
void encode(const seam::IpvsOp& op, uint16_t family, uint32_t sequence, bool dump,
            nl::MessageWriter& writer) noexcept;

/// GET_DEST, dump, of a service that was listed.
void encodeGetDest(const seam::IpvsService& service, uint16_t family,
                   nl::MessageWriter& writer) noexcept;

}  // namespace ipvs
