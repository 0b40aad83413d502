#pragma once

#include <cstdint>

#include "nl/writer.h"
#include "seam/records.h"

namespace route {

/// One request:
///
///     RTM_*LINK   ifinfomsg { index, flags, change }, [IFNAME], [LINKINFO { INFO_KIND }]
///     RTM_*ADDR   ifaddrmsg { family, prefixlen, scope, index }, LOCAL, ADDRESS, [FLAGS]
///
/// NEW* go with NLM_F_CREATE and, by `exclusive`, NLM_F_EXCL; NEWADDR without it with
/// NLM_F_REPLACE, since the kernel otherwise refuses an address that is there.
void encode(const seam::LinkOp& op, uint32_t sequence, nl::MessageWriter& writer) noexcept;

/// RTM_GETLINK or RTM_GETADDR for all links or addresses; addresses of one interface or family
/// where the kernel heeds that.
void encodeDump(const seam::LinkOp& op, nl::MessageWriter& writer) noexcept;

}  // namespace route
