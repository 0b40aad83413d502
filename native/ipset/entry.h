#pragma once

#include <cstdint>
#include <span>

#include "nl/bytes.h"
#include "nl/writer.h"
#include "seam/records.h"

namespace ipset {

/// The attributes of one element, to go into a DATA nest. `heap` must hold the strings that the
/// record refers to.
void encodeEntry(const seam::SetEntry& entry, std::span<const uint8_t> heap,
                 nl::MessageWriter& writer) noexcept;

/// The content of a DATA nest into a record of zeros; strings go into `heap`.
void decodeEntry(std::span<const uint8_t> nest, seam::SetEntry& out, nl::Bytes& heap) noexcept;

}  // namespace ipset
