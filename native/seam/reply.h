#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nl/bytes.h"
#include "nl/error_reply.h"
#include "seam/records.h"

namespace seam {

/// Which record tables a reply has. A table that is asked for is there even when it is empty.
enum Tables : uint32_t {
  kIpvsServices = 1 << 0,
  kIpvsDests = 1 << 1,
  kIpvsConfigs = 1 << 2,
  kIpvsDaemons = 1 << 3,
  kSetHeaders = 1 << 4,
  kSetEntries = 1 << 5,
  kLinks = 1 << 6,
  kLinkAddresses = 1 << 7,
  kSetLines = 1 << 8,
  kFlows = 1 << 9
};

/// What a run, a dump or a decode found: what NativeReply of src/native/addon.ts is made from.
/// Plain data, no napi.
struct Reply {
  uint32_t settled = 0;
  bool overrun = false;
  int error = 0;
  bool interrupted = false;
  uint32_t tables = 0;    ///< Tables
  uint32_t consumed = 0;  ///< of a text: bytes that were read
  uint32_t lines = 0;     ///< lines in those
  nl::Table<Failure> failures;
  nl::Bytes heap;
  nl::Table<IpvsService> ipvsServices;
  nl::Table<IpvsDest> ipvsDests;
  nl::Table<IpvsConfig> ipvsConfigs;
  nl::Table<IpvsDaemon> ipvsDaemons;
  nl::Table<SetHeader> setHeaders;
  nl::Table<SetEntry> setEntries;
  nl::Table<SetLine> setLines;
  nl::Table<Link> links;
  nl::Table<LinkAddress> linkAddresses;
  nl::Table<ConntrackFlow> flows;

  std::vector<nl::Bytes> parts;  ///< of a listing that is not decoded: whole messages in each

  /// Note a refusal, with what the extended acknowledgement said.
  void fail(uint32_t index, const nl::ErrorReply& refusal, uint16_t flags = 0) noexcept;
  /// Put text into the heap and return its offset.
  uint32_t keep(std::string_view text) noexcept;
  /// Some table or the heap ran out of memory: the reply is not complete.
  [[nodiscard]] bool outOfMemory() const noexcept;
  /// Refusals by ascending index.
  void sortFailures() noexcept;
};

}  // namespace seam
