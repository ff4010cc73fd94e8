#include "actors/messaging/services.hpp"

#include "actors/messaging/json_text.hpp"
#include "config/names.hpp"

#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

namespace troupe::messaging {

namespace {

constexpr std::size_t depth = 64;
constexpr std::size_t page = 1000;

const std::array<std::string, 4> names{"config", "directory", "state", "time"};

/// RFC 3339, UTC, with microseconds.
std::string timestamp(std::int64_t micros) {
  auto seconds = static_cast<std::time_t>(micros / 1'000'000);
  auto rest = static_cast<int>(micros % 1'000'000);
  if (rest < 0) {
    --seconds;
    rest += 1'000'000;
  }
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%06dZ", rest);
  return text;
}

} // namespace

service_reply service_reply::error(std::string_view code, std::string_view text) {
  return {"{\"error\":{\"code\":" + json_string(code) + ",\"text\":" + json_string(text) + "}}",
          true};
}

service_desk::service_desk(service_port& port, state_bounds bounds)
    : port_{port}
    , state_{bounds} {
  state_.on_change = [this](state_store::watcher who, const state_entry& change) {
    port_.tell_change(who, change_text(change));
  };
}

void service_desk::ask(const service_request& request, answer give) {
  json arguments;
  const auto text = request.payload.empty() ? std::string_view{"{}"} : request.payload;
  if (request.service == "state")
    return state(request, text, std::move(give));
  if (request.service == "time")
    return give(time());
  if (request.service == "config")
    return give(config(request));
  if (request.service != "directory")
    return give(service_reply::error("no_such_service",
                                     "there is no service runtime/" + std::string{request.service}
                                         + "; " + config::did_you_mean(request.service, names)));
  if (const auto wrong = read_object(text, depth, arguments); !wrong.empty())
    return give(service_reply::error("bad_request", wrong));
  give(directory(request, arguments));
}

service_reply service_desk::time() const {
  const auto wall = port_.wall();
  return {json{{"time", timestamp(wall)},
               {"unix_us", wall},
               {"monotonic_ns", port_.monotonic_now().count()}}
              .dump(),
          false};
}

service_reply service_desk::config(const service_request& request) const {
  if (!request.from || !request.from->spec)
    return service_reply::error("bad_request", "only a bot of the fleet has settings");
  const auto& spec = *request.from->spec;
  json result{{"instance", request.from->instance},
              {"group", request.from->group},
              {"fleet", routes_ ? routes_->fleet : std::string{}},
              {"version", routes_ ? routes_->version : 0},
              {"labels", spec.labels},
              {"settings", json::parse(spec.settings, nullptr, false)}};
  if (result["settings"].is_discarded())
    result["settings"] = json::object();
  return {result.dump(-1, ' ', false, json::error_handler_t::replace), false};
}

service_reply service_desk::directory(const service_request& request, const json& arguments) const {
  const auto text = [&](const char* name) {
    const auto at = arguments.find(name);
    return at != arguments.end() && at->is_string() ? at->get<std::string>() : std::string{};
  };
  auto of = text("of");
  const auto after = config::split_instance(text("after"));
  std::vector<std::string> one_bot;
  const std::vector<std::string>* bots = nullptr;
  if (routes_) {
    if (routes_->bots.contains(of)) {
      one_bot.push_back(of);
      bots = &one_bot;
    } else {
      while (of.ends_with('*') || of.ends_with('/'))
        of.pop_back();
      if (const auto* found = routes_->groups.get(of))
        bots = found->get();
      else if (!of.empty())
        return service_reply::error("no_such_address", "there is no bot or group " + of);
    }
  }
  std::string list;
  std::size_t count = 0;
  bool more = false;
  if (bots)
    for (const auto& bot : *bots) {
      if (more || (after && bot < after->bot))
        continue;
      const auto* members = routes_->bots.get(bot);
      if (!members)
        continue;
      for (const auto& each : (*members)->members) {
        if (after && bot == after->bot && each->index <= after->index.value_or(0))
          continue;
        const address its{address::kind::instance, each->instance, each->bot, {}};
        if (request.may && !request.may->may_send(its))
          continue;
        if ((more = count == page))
          break;
        ++count;
        list += (list.empty() ? "" : ",")
                + json{{"name", each->instance},           {"bot", each->bot},
                       {"state", to_string(each->now)},    {"up", counts_as_up(each->now)},
                       {"incarnation", each->incarnation}, {"linked", port_.linked(*each)}}
                      .dump();
      }
    }
  return {"{\"instances\":[" + list + "],\"more\":" + (more ? "true" : "false") + "}", false};
}

} // namespace troupe::messaging
