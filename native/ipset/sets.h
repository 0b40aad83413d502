#pragma once

#include <span>

#include "ipset/entry_writer.h"
#include "nl/endpoint.h"
#include "seam/reply.h"

namespace ipset {

/// Send commands; answers to HEADER, TYPE, PROTOCOL, GET_BYNAME and GET_BYINDEX go into the table.
void runCommands(nl::Endpoint& endpoint, std::span<const seam::SetCommand> commands,
                 bool stopOnError, seam::Reply& reply) noexcept;

/// LIST or SAVE. Read to its end at once: while a set is being listed, nobody can destroy, rename
/// or swap it. `inParts`: the messages as they came, in the parts of the reply, instead of records.
void dumpSets(nl::Endpoint& endpoint, const seam::SetCommand& command, bool inParts,
              seam::Reply& reply) noexcept;

}  // namespace ipset
