#pragma once

#include <cstdint>

#include "nl/message.h"
#include "nl/writer.h"
#include "seam/records.h"

namespace conntrack {

/// IPCTNL_MSG_CT_DELETE for one flow: TUPLE_ORIG, ZONE and ID where they are given. The tuple is
/// always there: without one the kernel would flush the whole table.
void encodeDelete(const seam::ConntrackOp& op, uint32_t sequence,
                  nl::MessageWriter& writer) noexcept;

/// IPCTNL_MSG_CT_GET for all flows of a family, of a protocol when both are named.
void encodeDump(const seam::ConntrackOp& op, nl::MessageWriter& writer) noexcept;

/// A flow into a record of zeros. False when it is too short to be one, or has no tuples.
bool decodeFlow(const nl::Message& message, seam::ConntrackFlow& out) noexcept;

/// Whether a flow has what `op` names.
bool matches(const seam::ConntrackOp& op, const seam::ConntrackFlow& flow) noexcept;

}  // namespace conntrack
