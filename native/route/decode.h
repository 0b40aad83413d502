#pragma once

#include "nl/message.h"
#include "seam/records.h"

namespace route {

/// An RTM_NEWLINK message into a record of zeros. False when it is too short to be one.
bool decodeLink(const nl::Message& message, seam::Link& out) noexcept;
/// An RTM_NEWADDR message into a record of zeros. False when it is too short to be one.
bool decodeAddress(const nl::Message& message, seam::LinkAddress& out) noexcept;

}  // namespace route
