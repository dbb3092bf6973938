#pragma once

namespace regatta::process {

/// The whole life of the helper process: carries out what comes over `socket`, until the other side has
/// closed it and everything that was started has ended.
[[noreturn]] void serve(int socket);

}  // namespace regatta::process
