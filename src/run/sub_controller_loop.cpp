#include "sub_controller_loop.hpp"

#include "regatta/run/backoff.hpp"
#include "regatta/run/messages.hpp"
#include "regatta/search/divided_tree.hpp"

namespace regatta::run {

void own_domains(const StudyPlan& plan, const std::vector<Rank>& owners, comm::Communicator& comm,
                 double ceiling) {
  search::SubController controller(
      plan.searcher, plan.space, [&](int to, const std::vector<std::byte>& message) {
        const Rank rank = to == 0 ? Rank{0} : owners[static_cast<std::size_t>(to - 1)];
        comm.post(rank, static_cast<int>(Tag::Tree), message);
      });
  Backoff backoff(ceiling);
  while (true) {
    bool busy = false;
    while (const auto envelope = comm.poll()) {
      if (envelope->tag == static_cast<int>(Tag::Shutdown)) return;
      if (envelope->tag != static_cast<int>(Tag::Tree)) continue;
      controller.take(envelope->payload);
      busy = true;
    }
    busy = controller.work() || busy;
    controller.tell();
    if (busy) {
      backoff.event();
    } else {
      backoff.wait(ceiling);
    }
  }
}

}  // namespace regatta::run
