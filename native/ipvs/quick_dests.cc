#include "ipvs/quick_dests.h"

#include <arpa/inet.h>
#include <linux/ip_vs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace ipvs {

namespace {

/// Room for destinations that are added between counting and reading.
constexpr uint32_t kSpare = 8;
/// No entry that the kernel has written begins like this: it knows no such flags.
constexpr unsigned int kUnwritten = UINT32_MAX;
constexpr uint32_t kForwardingMask = 7;

/// Both structs begin with the same words, in the same order.
template <class Struct>
void identify(const seam::IpvsService& service, Struct& out) noexcept {
  if (service.byFwmark != 0) {
    out.fwmark = service.fwmark;
    return;
  }
  out.protocol = service.protocol;
  out.port = htons(service.port);
  std::memcpy(&out.addr, service.address, sizeof out.addr);
}

void convert(const ip_vs_dest_entry& entry, uint32_t index, seam::IpvsDest& out) noexcept {
  out.service = index;
  out.family = AF_INET;
  out.port = ntohs(entry.port);
  std::memcpy(out.address, &entry.addr, sizeof entry.addr);
  out.forwarding = entry.conn_flags & kForwardingMask;
  out.weight = entry.weight;
  out.upperThreshold = entry.u_threshold;
  out.lowerThreshold = entry.l_threshold;
  out.activeConnections = entry.activeconns;
  out.inactiveConnections = entry.inactconns;
  out.persistentConnections = entry.persistconns;
}

}  // namespace

bool QuickDests::open(const nl::Endpoint& endpoint) noexcept {
  auto work = [this]() noexcept {
    socket_ = nl::Fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  };
  return endpoint.inside(work) == 0 && socket_.valid();
}

bool QuickDests::read(const seam::IpvsService& service, uint32_t index,
                      nl::Table<seam::IpvsDest>& dests) noexcept {
  if (service.family != AF_INET) return false;
  ip_vs_service_entry counted{};
  identify(service, counted);
  socklen_t length = sizeof counted;
  if (getsockopt(socket_.get(), IPPROTO_IP, IP_VS_SO_GET_SERVICE, &counted, &length) != 0) {
    return false;
  }
  if (counted.num_dests == 0) return true;
  const uint32_t room = counted.num_dests + kSpare;
  const size_t size = sizeof(ip_vs_get_dests) + (room * sizeof(ip_vs_dest_entry));
  buffer_.clear();
  uint8_t* memory = buffer_.extend(size);
  if (memory == nullptr) return false;
  std::memset(memory, 0, size);
  auto* request = reinterpret_cast<ip_vs_get_dests*>(memory);
  identify(service, *request);
  request->num_dests = room;
  // The kernel does not say how many it has written.
  for (uint32_t i = 0; i < room; ++i) request->entrytable[i].conn_flags = kUnwritten;
  length = static_cast<socklen_t>(size);
  if (getsockopt(socket_.get(), IPPROTO_IP, IP_VS_SO_GET_DESTS, request, &length) != 0) {
    return false;
  }
  uint32_t written = 0;
  while (written < room && request->entrytable[written].conn_flags != kUnwritten) ++written;
  // Fewer: there are destinations of the other family, or some went meanwhile. As many as there is
  // room for: there may be more.
  if (written < counted.num_dests || written == room) return false;
  for (uint32_t i = 0; i < written; ++i) {
    seam::IpvsDest* dest = dests.add();
    // Short of memory: the reply says so itself.
    if (dest == nullptr) return true;
    convert(request->entrytable[i], index, *dest);
  }
  return true;
}

}  // namespace ipvs
