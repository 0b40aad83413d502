#pragma once

#include <cstdint>

#include "nl/writer.h"
#include "seam/records.h"

namespace ipset {

/// One request without elements:
///
///     nlmsghdr, nfgenmsg
///     PROTOCOL, [SETNAME], [TYPENAME | SETNAME2], [REVISION], [FAMILY], [FLAGS], [INDEX]
///     DATA { the create options that `command.options` names }
///
/// NLM_F_EXCL goes with it unless `command.exist`. `dump` adds NLM_F_DUMP.
void encodeCommand(const seam::SetCommand& command, uint32_t sequence, bool dump,
                   nl::MessageWriter& writer) noexcept;

}  // namespace ipset
