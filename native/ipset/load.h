#pragma once

#include <string_view>

#include "nl/endpoint.h"
#include "seam/reply.h"

namespace ipset {

/// Elements to add or delete, as lines of text.
struct LineJob {
  std::string_view text;
  const seam::SetGrammar& grammar;
  const seam::SetCommand& head;  ///< command, set and `exist`
};

/// Read lines and send what they say, up to the first line that is left to the caller. The reply
/// says how far that was, and has a SetLine for each refused element. `memory` is where the records
/// go meanwhile.
void loadLines(nl::Endpoint& endpoint, const LineJob& job, bool stopOnError,
               nl::Table<seam::SetEntry>& memory, seam::Reply& reply) noexcept;

/// Read lines into the reply: a SetEntry and a SetLine for each element.
void parseLines(std::string_view text, const seam::SetGrammar& grammar,
                seam::Reply& reply) noexcept;

}  // namespace ipset
