// `why`: reads what the story of one instance is made of.

#include "actors/commands/past.hpp"
#include "actors/commands/story.hpp"
#include "config/names.hpp"

#include <algorithm>

namespace troupe::commands {

namespace {

constexpr std::uint32_t own_most = 300;
/// So far before and after the beginning of the story, in events, others are looked at.
constexpr std::uint64_t before = 500;
constexpr std::size_t window = 4000;

struct telling {
  config::spec_ptr spec;
  ledger_view_ptr view;
  std::string subject;
  std::vector<std::string> chain;
  std::vector<std::string> others; ///< fellow instances that stand otherwise
  std::map<std::uint64_t, transition> events;
  std::vector<death> deaths;
};

using telling_ptr = std::shared_ptr<telling>;

void finish(const request_ptr& r, const telling_ptr& t) {
  std::vector<transition> events;
  for (auto& [seq, each] : t->events)
    events.push_back(std::move(each));
  auto result = story_document({*t->spec, *t->view, events, t->deaths, t->subject, now_micros()});
  auto& others = result["others"] = json::array();
  for (const auto& record : t->view->records)
    if (record.name != t->subject && std::ranges::count(t->others, record.name) > 0) {
      json row;
      row["name"] = record.name;
      row["state"] = troupe::to_string(record.now);
      others.push_back(std::move(row));
    }
  r->answer(result);
}

void read_deaths(const request_ptr& r, const telling_ptr& t) {
  r->self->request(r->all->journal, look_timeout, deaths_atom_v, t->chain.back(), 1u)
      .then(
          [r, t](death_list& deaths) {
            t->deaths = std::move(deaths.items);
            finish(r, t);
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

void read_around(const request_ptr& r, const telling_ptr& t) {
  own_events own;
  for (const auto& [seq, each] : t->events)
    if (each.instance == t->chain.back())
      own.push_back(&each);
  if (own.empty())
    return read_deaths(r, t);
  const auto seq = own[beginning(own, own.size() - 1)]->seq;
  auto around = std::make_shared<event_walk>();
  around->query.after = seq > before ? seq - before : 0;
  around->most = window;
  around->each = [t](const std::vector<transition>& found) {
    for (const auto& each : found)
      t->events.emplace(each.seq, each);
  };
  around->then = [r, t] { read_deaths(r, t); };
  walk(r, around);
}

void begin(const request_ptr& r, const telling_ptr& t) {
  t->chain = waiting_chain(*t->view, t->subject);
  auto own = std::make_shared<event_walk>();
  own->query.instances = t->chain;
  own->query.last = own_most;
  own->each = [t](const std::vector<transition>& found) {
    for (const auto& each : found)
      t->events.emplace(each.seq, each);
  };
  own->then = [r, t] { read_around(r, t); };
  walk(r, own);
}

/// What happened a moment ago is to be among the events; an unwritable disk is not waited for.
void after_commit(const request_ptr& r, std::function<void(const ledger_view_ptr&)> then) {
  constexpr std::chrono::milliseconds patience{500};
  const auto look = [r, then = std::move(then)] { r->with_view({}, then); };
  r->self->request(r->all->ledger, patience, flush_atom_v)
      .then([look](bool) { look(); }, [look](const caf::error&) { look(); });
}

} // namespace

void handle_why(const request_ptr& r) {
  r->with_bot([r](const config::spec_ptr& spec, const chosen_bot& which) {
    after_commit(r, [r, spec, which](const ledger_view_ptr& view) {
      auto t = std::make_shared<telling>();
      t->spec = spec;
      t->view = view;
      std::vector<instance_record> own;
      for (const auto& record : view->records)
        if (record.bot == which.bot->name)
          own.push_back(record);
      t->subject =
          which.index ? config::join_instance(which.bot->name, *which.index) : most_troubled(own);
      if (t->subject.empty())
        t->subject = config::join_instance(which.bot->name, 0);
      if (!which.index)
        for (const auto& record : own)
          t->others.push_back(record.name);
      begin(r, t);
    });
  });
}

} // namespace troupe::commands
