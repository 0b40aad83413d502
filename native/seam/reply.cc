#include "seam/reply.h"

#include <algorithm>

namespace seam {

void Reply::fail(uint32_t index, const nl::ErrorReply& refusal, uint16_t flags) noexcept {
  Failure* failure = failures.add();
  if (failure == nullptr) return;
  failure->index = index;
  failure->code = refusal.code;
  failure->flags = flags;
  if (refusal.hasOffset) {
    failure->flags |= kFailureHasOffset;
    failure->extackOffset = refusal.offset;
  }
  if (!refusal.text.empty()) {
    const std::string_view text = refusal.text.substr(0, UINT16_MAX);
    failure->messageOffset = keep(text);
    failure->messageLength = static_cast<uint16_t>(text.size());
  }
}

uint32_t Reply::keep(std::string_view text) noexcept {
  const size_t offset = heap.size();
  heap.append(text.data(), text.size());
  return static_cast<uint32_t>(offset);
}

bool Reply::outOfMemory() const noexcept {
  for (const nl::Bytes& part : parts) {
    if (part.failed()) return true;
  }
  return failures.failed() || heap.failed() || ipvsServices.failed() || ipvsDests.failed() ||
         ipvsConfigs.failed() || ipvsDaemons.failed() || setHeaders.failed() ||
         setEntries.failed() || setLines.failed() || links.failed() || linkAddresses.failed() ||
         flows.failed();
}

void Reply::sortFailures() noexcept {
  std::sort(failures.begin(), failures.end(),
            [](const Failure& a, const Failure& b) { return a.index < b.index; });
}

}  // namespace seam
