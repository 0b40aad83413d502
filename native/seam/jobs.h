#pragma once

#include <memory>

#include "seam/args.h"
#include "seam/channel.h"
#include "seam/request.h"
#include "seam/worker.h"

namespace seam {

[[nodiscard]] std::unique_ptr<Job> makeOpenJob(Subsystem subsystem, OpenOptions options);
[[nodiscard]] std::unique_ptr<Job> makeCloseJob(std::shared_ptr<Channel> channel);
/// The channel must have been claimed; the job releases it.
[[nodiscard]] std::unique_ptr<Job> makeRunJob(std::shared_ptr<Channel> channel, Request request);
[[nodiscard]] std::unique_ptr<Job> makeLoadJob(std::shared_ptr<Channel> channel, Request request);
/// Needs no channel.
[[nodiscard]] std::unique_ptr<Job> makeParseJob(Request request);
[[nodiscard]] std::unique_ptr<Job> makeDumpJob(std::shared_ptr<Channel> channel, Request request);

}  // namespace seam
