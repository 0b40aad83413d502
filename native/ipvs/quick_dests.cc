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

void identify(const seam::IpvsService& service, ip_vs_get_dests& out) noexcept {
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

bool DestCounts::read(int socket) noexcept {
  ip_vs_getinfo info{};
  socklen_t length = sizeof info;
  if (getsockopt(socket, IPPROTO_IP, IP_VS_SO_GET_INFO, &info, &length) != 0) return false;
  // What the kernel does not fill stays without protocol, and means nothing.
  const size_t size =
      sizeof(ip_vs_get_services) + (info.num_services * sizeof(ip_vs_service_entry));
  nl::Bytes buffer;
  uint8_t* memory = buffer.extend(size);
  if (memory == nullptr) return false;
  std::memset(memory, 0, size);
  auto* all = reinterpret_cast<ip_vs_get_services*>(memory);
  all->num_services = info.num_services;
  length = static_cast<socklen_t>(size);
  if (getsockopt(socket, IPPROTO_IP, IP_VS_SO_GET_SERVICES, all, &length) != 0) return false;
  for (uint32_t i = 0; i < info.num_services; ++i) {
    const ip_vs_service_entry& entry = all->entrytable[i];
    if (entry.protocol == 0) continue;
    seam::IpvsService service{};
    service.family = AF_INET;
    service.byFwmark = entry.fwmark != 0 ? 1 : 0;
    service.fwmark = entry.fwmark;
    service.protocol = entry.protocol;
    service.port = ntohs(entry.port);
    std::memcpy(service.address, &entry.addr, sizeof entry.addr);
    static_cast<void>(counts_.findOrAdd(keyOf(service), entry.num_dests));
  }
  return true;
}

bool QuickDests::open(const nl::Endpoint& endpoint) noexcept {
  auto work = [this]() noexcept {
    socket_ = nl::Fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  };
  return endpoint.inside(work) == 0 && socket_.valid() && counts_.read(socket_.get());
}

bool QuickDests::read(const seam::IpvsService& service, uint32_t index,
                      nl::Table<seam::IpvsDest>& dests) noexcept {
  if (service.family != AF_INET) return false;
  const uint32_t counted = counts_.of(service);
  if (counted == DestCounts::kNone) return false;
  if (counted == 0) return true;
  const uint32_t room = counted + kSpare;
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
  auto length = static_cast<socklen_t>(size);
  if (getsockopt(socket_.get(), IPPROTO_IP, IP_VS_SO_GET_DESTS, request, &length) != 0) {
    return false;
  }
  uint32_t written = 0;
  while (written < room && request->entrytable[written].conn_flags != kUnwritten) ++written;
  // Fewer: there are destinations of the other family, or some went meanwhile. More: some came.
  if (written != counted) return false;
  for (uint32_t i = 0; i < written; ++i) {
    seam::IpvsDest* dest = dests.add();
    // Short of memory: the reply says so itself.
    if (dest == nullptr) return true;
    convert(request->entrytable[i], index, *dest);
  }
  return true;
}

nl::Table<uint32_t> QuickDests::dropMoved(nl::Table<seam::IpvsService>& services,
                                          nl::Table<seam::IpvsDest>& dests) noexcept {
  nl::Table<uint32_t> moved;
  DestCounts after;
  // Cannot be had a second time: as good as it gets.
  if (!after.read(socket_.get())) return moved;
  nl::Table<uint8_t> marks;
  for (uint32_t i = 0; i < services.count(); ++i) {
    const bool same =
        services[i].family != AF_INET || counts_.of(services[i]) == after.of(services[i]);
    uint8_t* mark = marks.add();
    uint32_t* index = same ? nullptr : moved.add();
    if (mark == nullptr || (!same && index == nullptr)) return {};
    *mark = same ? 0 : 1;
    if (index != nullptr) *index = i;
  }
  if (moved.count() == 0) return moved;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < dests.count(); ++i) {
    if (marks[dests[i].service] == 0) dests[kept++] = dests[i];
  }
  dests.truncate(kept);
  return moved;
}

}  // namespace ipvs
