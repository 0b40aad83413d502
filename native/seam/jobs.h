#pragma once

#include <memory>
#include <string>

#include "seam/args.h"
#include "seam/channel.h"
#include "seam/request.h"
#include "seam/worker.h"

namespace seam {

[[nodiscard]] std::unique_ptr<Job> makeOpenJob(Subsystem subsystem, OpenOptions options);
/// Open a file inside a network namespace; the promise has its descriptor.
[[nodiscard]] std::unique_ptr<Job> makeOpenFileJob(OpenOptions options, std::string path,
                                                   bool writing);
[[nodiscard]] std::unique_ptr<Job> makeCloseJob(std::shared_ptr<Channel> channel);
/// The channel must have been claimed; the job releases it.
[[nodiscard]] std::unique_ptr<Job> makeRunJob(std::shared_ptr<Channel> channel, Request request);
[[nodiscard]] std::unique_ptr<Job> makeLoadJob(std::shared_ptr<Channel> channel, Request request);
/// Needs no channel.
[[nodiscard]] std::unique_ptr<Job> makeParseJob(Request request);
[[nodiscard]] std::unique_ptr<Job> makeDumpJob(std::shared_ptr<Channel> channel, Request request);

}  // namespace seam
