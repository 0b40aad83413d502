#include "seam/request.h"

#include <linux/ip_vs.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "ipset/attributes.h"

namespace seam {

namespace {

using Problem = std::optional<std::string>;

// Longer than anything the kernel accepts (31 for names, 255 for comments), short enough for a
// message.
constexpr uint16_t kLongestString = 1024;

std::string at(const char* record, size_t index) {
  return std::string(record) + " " + std::to_string(index) + ": ";
}

bool knownInRun(const IpvsOp& op) {
  return op.command >= IPVS_CMD_NEW_SERVICE && op.command <= IPVS_CMD_FLUSH;
}

/// LIST and SAVE start a dump whatever the flags say; ADD, DEL and TEST need elements.
bool knownInRun(const SetCommand& command) {
  switch (command.command) {
    case IPSET_CMD_PROTOCOL:
    case IPSET_CMD_CREATE:
    case IPSET_CMD_DESTROY:
    case IPSET_CMD_FLUSH:
    case IPSET_CMD_RENAME:
    case IPSET_CMD_SWAP:
    case IPSET_CMD_HEADER:
    case IPSET_CMD_TYPE:
    case IPSET_CMD_GET_BYNAME:
    case IPSET_CMD_GET_BYINDEX:
      return true;
    default:
      return false;
  }
}

bool knownInRun(const LinkOp& op) {
  switch (op.command) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_GETLINK:
    case RTM_SETLINK:
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_GETADDR:
      return true;
    default:
      return false;
  }
}

/// Only with a tuple that says which: a delete without one empties the table.
bool knownInRun(const ConntrackOp& op) {
  return op.command == IPCTNL_MSG_CT_DELETE && (op.family == AF_INET || op.family == AF_INET6) &&
         op.protocol != 0;
}

bool knownInDump(const IpvsOp& op) {
  return op.command == IPVS_CMD_GET_SERVICE || op.command == IPVS_CMD_GET_DEST ||
         op.command == IPVS_CMD_GET_DAEMON;
}

bool knownInDump(const SetCommand& command) {
  return command.command == IPSET_CMD_LIST || command.command == IPSET_CMD_SAVE;
}

bool knownInDump(const ConntrackOp& op) { return op.command == IPCTNL_MSG_CT_GET; }

bool knownInDump(const LinkOp& op) {
  return op.command == RTM_GETLINK || op.command == RTM_GETADDR;
}

template <class Record>
Problem checkCommands(const Request& request, const char* name) {
  const auto records = request.as<Record>();
  for (size_t i = 0; i < records.size(); ++i) {
    if (!knownInRun(records[i])) {
      return at(name, i) + "command " + std::to_string(records[i].command) + " cannot be run";
    }
  }
  return std::nullopt;
}

bool inside(const nl::Bytes& heap, uint32_t offset, uint16_t length) {
  return length <= kLongestString && offset <= heap.size() && length <= heap.size() - offset;
}

Problem checkEntry(const SetEntry& entry, const nl::Bytes& heap, size_t index) {
  constexpr uint32_t kAddresses = kEntryIp | kEntryIp2;
  if ((entry.parts & kAddresses) != 0 && entry.family != AF_INET && entry.family != AF_INET6) {
    return at("SetEntry", index) + "unknown address family " + std::to_string(entry.family);
  }
  if ((entry.parts & (kEntryName | kEntryIface)) != 0 &&
      !inside(heap, entry.nameOffset, entry.nameLength)) {
    return at("SetEntry", index) + "name is outside the heap or too long";
  }
  if ((entry.parts & kEntryNameRef) != 0 && !inside(heap, entry.refOffset, entry.refLength)) {
    return at("SetEntry", index) + "name reference is outside the heap or too long";
  }
  if ((entry.parts & kEntryComment) != 0 &&
      !inside(heap, entry.commentOffset, entry.commentLength)) {
    return at("SetEntry", index) + "comment is outside the heap or too long";
  }
  return std::nullopt;
}

Problem checkEntries(const Request& request) {
  if (!request.hasHead) return "a run of SetEntry needs options.head";
  const uint32_t command = request.head.command;
  if (command != IPSET_CMD_ADD && command != IPSET_CMD_DEL && command != IPSET_CMD_TEST) {
    return "options.head: command " + std::to_string(command) + " takes no elements";
  }
  const auto entries = request.as<SetEntry>();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (Problem problem = checkEntry(entries[i], request.heap, i)) return problem;
  }
  return std::nullopt;
}

/// The strings of an entry, by the bits that say that they are there.
template <class Visit>
void eachString(SetEntry& entry, Visit visit) noexcept {
  if ((entry.parts & (kEntryName | kEntryIface)) != 0) visit(entry.nameOffset, entry.nameLength);
  if ((entry.parts & kEntryNameRef) != 0) visit(entry.refOffset, entry.refLength);
  if ((entry.parts & kEntryComment) != 0) visit(entry.commentOffset, entry.commentLength);
}

Problem checkStride(const Request& request) {
  const size_t stride = strideOf(request.shape);
  const size_t size = request.records.size();
  if (size % stride != 0) {
    return std::to_string(size) + " bytes are no whole number of records of " +
           std::to_string(stride) + " bytes";
  }
  if (size / stride >= UINT32_MAX) return "too many records";
  return std::nullopt;
}

template <class Record>
Problem checkDumpCommand(const Request& request) {
  const Record& record = request.as<Record>().front();
  if (knownInDump(record)) return std::nullopt;
  return "command " + std::to_string(record.command) + " does not list anything";
}

}  // namespace

bool takeHeap(Request& request, std::span<const uint8_t> heap) noexcept {
  if (request.shape != Shape::kSetEntry || heap.size() >= UINT32_MAX) {
    return request.heap.append(heap.data(), heap.size());
  }
  const std::span<SetEntry> entries{reinterpret_cast<SetEntry*>(request.records.data()),
                                    request.records.size() / sizeof(SetEntry)};
  const auto size = static_cast<uint32_t>(heap.size());
  uint32_t from = size;
  uint32_t to = 0;
  for (SetEntry& entry : entries) {
    eachString(entry, [&](uint32_t offset, uint16_t length) noexcept {
      if (offset > size || length > size - offset) return;
      from = std::min(from, offset);
      to = std::max(to, offset + length);
    });
  }
  if (from >= to) from = to = 0;
  for (SetEntry& entry : entries) {
    eachString(entry, [&](uint32_t& offset, uint16_t length) noexcept {
      const bool inside = offset <= size && length <= size - offset;
      // Empty strings may stand anywhere, before the first byte that is taken too.
      offset = inside ? (length == 0 ? 0 : offset - from) : UINT32_MAX;
    });
  }
  return request.heap.append(heap.data() + from, to - from);
}

Problem misuseOfRun(const Request& request) {
  if (Problem problem = checkStride(request)) return problem;
  switch (request.shape) {
    case Shape::kIpvsOp:
      return checkCommands<IpvsOp>(request, "IpvsOp");
    case Shape::kSetCommand:
      return checkCommands<SetCommand>(request, "SetCommand");
    case Shape::kSetEntry:
      return checkEntries(request);
    case Shape::kLinkOp:
      return checkCommands<LinkOp>(request, "LinkOp");
    case Shape::kConntrackOp:
      return checkCommands<ConntrackOp>(request, "ConntrackOp");
  }
  return "unknown shape";
}

Problem misuseOfLoad(const Request& request) {
  if (!request.hasHead) return "a load needs options.head";
  const uint32_t command = request.head.command;
  if (command == IPSET_CMD_ADD || command == IPSET_CMD_DEL) return std::nullopt;
  return "options.head: command " + std::to_string(command) + " cannot be loaded";
}

Problem misuseOfDump(const Request& request) {
  if (request.records.size() != strideOf(request.shape)) return "a dump takes exactly one record";
  if (request.inParts && request.shape != Shape::kSetCommand)
    return "only sets are listed in parts";
  switch (request.shape) {
    case Shape::kIpvsOp:
      return checkDumpCommand<IpvsOp>(request);
    case Shape::kSetCommand:
      return checkDumpCommand<SetCommand>(request);
    case Shape::kLinkOp:
      return checkDumpCommand<LinkOp>(request);
    case Shape::kConntrackOp:
      return checkDumpCommand<ConntrackOp>(request);
    case Shape::kSetEntry:
      break;
  }
  return "elements cannot be dumped on their own";
}

}  // namespace seam
