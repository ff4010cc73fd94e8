#include "actors/look.hpp"

#include <utility>

namespace troupe {

look_actor::behavior_type look(look_actor::stateful_pointer<look_state> self,
                               std::shared_ptr<process_host> host,
                               std::shared_ptr<std::atomic<int>> looking) {
  self->state.looking = std::move(looking);
  return {
      [self, host](environ_atom, const launch& what) {
        self->quit();
        return host->environment(what);
      },
      [self, host](limits_atom, const launches& what) {
        self->quit();
        return host->limits(what);
      },
      [self, host](figures_atom, const figures& known) {
        self->quit();
        auto result = known;
        result.of.merge(host->machine().of);
        return result;
      },
  };
}

} // namespace troupe
