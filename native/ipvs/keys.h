#pragma once

#include <cstdint>

#include "ipvs/key_index.h"
#include "seam/records.h"

namespace ipvs {

inline Key keyOf(const seam::IpvsService& service) noexcept {
  constexpr uint16_t kNoProtocol = UINT16_MAX;
  Key key;
  key.put(0, &service.family, sizeof service.family);
  if (service.byFwmark != 0) {
    key.put(2, &kNoProtocol, sizeof kNoProtocol);
    key.put(8, &service.fwmark, sizeof service.fwmark);
    return key;
  }
  key.put(2, &service.protocol, sizeof service.protocol);
  key.put(4, &service.port, sizeof service.port);
  key.put(8, service.address, sizeof service.address);
  return key;
}

inline Key keyOf(const seam::IpvsDest& dest) noexcept {
  Key key;
  key.put(0, &dest.family, sizeof dest.family);
  key.put(2, &dest.port, sizeof dest.port);
  key.put(4, dest.address, sizeof dest.address);
  return key;
}

}  // namespace ipvs
