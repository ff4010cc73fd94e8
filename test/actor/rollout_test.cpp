// Batches, gates and waves, without actors: instances that a test moves by hand.

#include "actors/updating/rollout.hpp"
#include "test/actor/fleet.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <optional>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using updating::nanoseconds;

namespace {

/// A fleet whose processes do as the spec in force says when they are told to.
struct world : updating::rollout_port {
  nanoseconds time = 1h;
  std::optional<nanoseconds> due;
  updating::record_map records;
  config::spec_ptr in_force;
  std::vector<std::string> remarks;
  std::optional<std::string> failure;
  bool done = false;
  std::optional<updating::rollout> update;

  nanoseconds now() const override { return time; }
  const instance_record* record(const std::string& instance) const override {
    const auto at = records.find(instance);
    return at == records.end() ? nullptr : &at->second;
  }
  void put_in_force(const config::spec_ptr& mixed) override { in_force = mixed; }
  void wake_at(nanoseconds when) override { due = due ? std::min(*due, when) : when; }
  void remark(const std::string& text) override { remarks.push_back(text); }
  void finished() override { done = true; }
  void failed(const std::string& instance, const std::string& why) override {
    failure = instance + ": " + why;
  }

  /// Everything runs as `fleet` says.
  void run(const config::spec_ptr& fleet) {
    in_force = fleet;
    for (const auto& [bot, entry] : fleet->bots)
      for (std::size_t i = 0; i < entry->instances.size(); ++i) {
        auto& x = records[bot + "#" + std::to_string(i)];
        x.name = bot + "#" + std::to_string(i);
        x.bot = bot;
        x.wanted = true;
        x.now = state::running;
        x.incarnation = 1;
        x.settings = entry->instances[i]->fingerprint;
      }
  }

  void change_to(const config::spec_ptr& to,
                 const std::function<void(updating::rollout_order&)>& as = {}) {
    updating::rollout_order order;
    order.version = 8;
    order.from = order.proven = in_force;
    order.to = to;
    if (as)
      as(order);
    update.emplace(*this, std::move(order));
    update->begin(records);
  }

  /// Instances whose process is not as the spec in force says.
  std::vector<std::string> to_replace() const {
    std::vector<std::string> result;
    for (const auto& [name, fingerprint] : updating::find_outdated(*in_force, records))
      result.push_back(name);
    return result;
  }

  void set(const std::string& name, state now, std::string why = {}) {
    auto& x = records[name];
    x.now = now;
    x.why = std::move(why);
    update->note(x);
  }

  /// A new process, as the spec in force says.
  void spawn(const std::string& name) {
    auto& x = records[name];
    ++x.incarnation;
    x.settings = updating::spec_of(*in_force, name)->fingerprint;
    set(name, state::starting);
  }

  /// It is in its pause before another try.
  void set_down(const std::string& name, state now = state::backoff) { records[name].now = now; }

  void pass(nanoseconds by) {
    for (const auto until = time + by; due && *due <= until;) {
      time = std::max(time, *due);
      due.reset();
      update->tick();
    }
    time += by;
  }

  /// What is to be replaced now is, and comes up.
  std::size_t replace_all() {
    const auto names = to_replace();
    for (const auto& name : names) {
      set(name, state::stopping);
      set(name, state::waiting);
      spawn(name);
      set(name, state::running);
    }
    pass(10ms);
    return names.size();
  }
};

fleet_builder::change marked(std::uint64_t fingerprint, fleet_builder::change more = {}) {
  return [=](config::bot_spec& x) {
    x.fingerprint = fingerprint;
    if (more)
      more(x);
  };
}

config::spec_ptr four(std::uint64_t fingerprint, fleet_builder::change more = {}) {
  return fleet_builder{}.bot("a", marked(fingerprint, more), 4).build();
}

/// Its next process comes up, or does not, and that decides the update.
void decide(world& w, const std::string& name, bool good, state otherwise = state::backoff) {
  w.spawn(name);
  w.set(name, good ? state::running : otherwise);
  w.pass(1s);
  BOOST_TEST(w.done == good);
  BOOST_TEST(w.failure.has_value() == !good);
}

} // namespace

BOOST_AUTO_TEST_CASE(one_of_four_at_a_time_unless_said_otherwise) {
  world w;
  w.run(four(1));
  w.change_to(four(2));
  for (int i = 0; i < 4; ++i) {
    BOOST_TEST(w.to_replace() == std::vector{"a#" + std::to_string(i)},
               boost::test_tools::per_element());
    BOOST_TEST(!w.done);
    BOOST_TEST(w.update->progress().done == std::size_t(i));
    w.replace_all();
  }
  BOOST_TEST(w.done);
  BOOST_TEST(w.remarks.back() == "version 8: a 4 of 4 instances changed");
  BOOST_TEST(w.update->progress().done == 4u);
}

BOOST_AUTO_TEST_CASE(a_share_is_rounded_up) {
  BOOST_TEST(updating::batch_of({0, 25}, 4) == 1u);
  BOOST_TEST(updating::batch_of({0, 25}, 5) == 2u);
  BOOST_TEST(updating::batch_of({0, 1}, 1) == 1u);
  BOOST_TEST(updating::batch_of({3, 0}, 2) == 3u);
  world w;
  const auto half = [](config::bot_spec& x) { x.update.batch = {0, 50}; };
  w.run(four(1, half));
  w.change_to(four(2, half));
  BOOST_TEST(w.replace_all() == 2u);
  BOOST_TEST(w.replace_all() == 2u);
  BOOST_TEST(w.done);
}

BOOST_AUTO_TEST_CASE(all_at_once_when_the_batch_is_that_large) {
  world w;
  const auto all = [](config::bot_spec& x) { x.update.batch = {4, 0}; };
  w.run(four(1, all));
  w.change_to(four(2, all));
  BOOST_TEST(w.replace_all() == 4u);
  BOOST_TEST(w.done);
}

BOOST_AUTO_TEST_CASE(after_each_batch_there_is_a_pause) {
  world w;
  const auto paused = [](config::bot_spec& x) {
    x.update.batch = {2, 0};
    x.update.pause = 5s;
  };
  w.run(four(1, paused));
  w.change_to(four(2, paused));
  w.replace_all();
  BOOST_TEST(w.to_replace().empty());
  w.pass(4s);
  BOOST_TEST(w.to_replace().empty());
  w.pass(2s);
  BOOST_TEST(w.to_replace().size() == 2u);
  w.replace_all();
  BOOST_TEST(!w.done);
  w.pass(6s);
  BOOST_TEST(w.done);
}

BOOST_AUTO_TEST_CASE(bots_in_waves_that_double_and_whom_one_waits_for_first) {
  fleet_builder before;
  fleet_builder after;
  for (int i = 0; i < 20; ++i) {
    const auto name = "b" + std::to_string(10 + i);
    before.bot(name, marked(1));
    after.bot(name, marked(2));
  }
  // The first by name waits for the last.
  before.bot_after("a", {{"b29", config::condition::ready, ""}}, marked(1));
  after.bot_after("a", {{"b29", config::condition::ready, ""}}, marked(2));
  world w;
  w.run(before.build());
  w.change_to(after.build());
  BOOST_TEST(w.to_replace() == std::vector<std::string>{"b29#0"}, boost::test_tools::per_element());
  std::vector<std::size_t> widths;
  while (!w.done)
    widths.push_back(w.replace_all());
  BOOST_TEST(widths == (std::vector<std::size_t>{1, 2, 4, 8, 6}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_that_crashes_ends_it_and_the_others_stay_as_they_were) {
  world w;
  w.run(four(1));
  w.change_to(four(2));
  w.set("a#0", state::stopping);
  w.spawn("a#0");
  w.set("a#0", state::backoff, "exited with code 1 after 0.2 s");
  w.pass(10ms);
  BOOST_REQUIRE(w.failure.has_value());
  BOOST_TEST(*w.failure == "a#0: exited with code 1 after 0.2 s");
  for (int i = 1; i < 4; ++i)
    BOOST_TEST(updating::spec_of(*w.in_force, "a#" + std::to_string(i))->fingerprint == 1u);
  BOOST_TEST(!w.done);
}

BOOST_AUTO_TEST_CASE(a_program_that_does_not_exist_is_a_failure_too) {
  world w;
  w.run(four(1));
  w.change_to(four(2));
  w.set("a#0", state::stopping);
  w.set("a#0", state::waiting);
  ++w.records["a#0"].incarnation;
  w.set("a#0", state::backoff, "exec nothing: No such file or directory");
  w.pass(10ms);
  BOOST_REQUIRE(w.failure.has_value());
}

BOOST_AUTO_TEST_CASE(the_old_process_may_crash_without_harm) {
  world w;
  w.run(four(1));
  w.change_to(four(2));
  w.set("a#0", state::backoff, "exited with code 1"); // before it could be stopped
  w.pass(1min);
  BOOST_TEST(!w.failure.has_value());
  w.spawn("a#0");
  w.set("a#0", state::running);
  w.pass(10ms);
  BOOST_TEST(w.to_replace() == std::vector<std::string>{"a#1"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(not_ready_in_time_counts_from_its_start) {
  world w;
  const auto quick = [](config::bot_spec& x) { x.update.ready_within = 5s; };
  w.run(four(1, quick));
  w.change_to(four(2, quick));
  w.set("a#0", state::stopping);
  w.pass(1min); // it takes its time to end
  BOOST_TEST(!w.failure.has_value());
  w.set("a#0", state::waiting);
  w.pass(1min); // and waits for somebody
  BOOST_TEST(!w.failure.has_value());
  w.spawn("a#0");
  w.pass(4s);
  BOOST_TEST(!w.failure.has_value());
  w.pass(2s);
  BOOST_REQUIRE(w.failure.has_value());
  BOOST_TEST(*w.failure == "a#0: not running within 5 s");
}

BOOST_AUTO_TEST_CASE(each_process_has_its_own_time_to_be_ready) {
  world w;
  const auto quick = [](config::bot_spec& x) { x.update.ready_within = 5s; };
  w.run(four(1, quick));
  w.change_to(four(2, quick));
  w.set("a#0", state::stopping);
  w.spawn("a#0");
  w.pass(4s);
  w.set("a#0", state::stopping); // somebody restarts it
  w.pass(1min);
  BOOST_TEST(!w.failure.has_value());
  w.spawn("a#0");
  w.pass(4s);
  w.spawn("a#0"); // it was not seen to end
  w.pass(4s);
  BOOST_TEST(!w.failure.has_value());
  w.pass(2s);
  BOOST_TEST(w.failure.has_value());
}

BOOST_AUTO_TEST_CASE(none_hides_behind_another_of_its_batch) {
  world w;
  const auto two = [](config::bot_spec& x) { x.update.batch = {2, 0}; };
  w.run(four(1, two));
  w.change_to(four(2, two));
  BOOST_TEST(w.to_replace().size() == 2u);
  w.set("a#0", state::stopping); // for minutes
  w.set("a#1", state::stopping);
  w.spawn("a#1");
  w.set("a#1", state::backoff, "exited with code 1");
  w.pass(1s);
  BOOST_REQUIRE(w.failure.has_value());
  BOOST_TEST(*w.failure == "a#1: exited with code 1");
}

BOOST_AUTO_TEST_CASE(one_whose_old_process_is_down_at_its_turn_must_come_up) {
  for (const bool good : {true, false}) {
    world w;
    w.run(four(1));
    w.change_to(four(2));
    for (int i = 0; i < 3; ++i) {
      if (i == 2)
        w.set("a#3", state::backoff, "exited with code 9");
      w.replace_all();
    }
    BOOST_TEST(!w.done);
    BOOST_TEST(!w.failure.has_value());
    BOOST_TEST(updating::spec_of(*w.in_force, "a#3")->fingerprint == 2u);
    decide(w, "a#3", good);
  }
}

BOOST_AUTO_TEST_CASE(one_that_falls_down_later_ends_it_as_well) {
  world w;
  w.run(four(1));
  w.change_to(four(2));
  w.replace_all();
  w.set("a#0", state::backoff, "exited with code 1 after 2 s");
  BOOST_REQUIRE(w.failure.has_value());
}

BOOST_AUTO_TEST_CASE(who_is_down_or_stopped_meanwhile_is_not_waited_for) {
  world w;
  w.run(four(1));
  w.records["a#1"].now = state::stopped;
  w.records["a#1"].wanted = false;
  w.records["a#1"].settings = 0;
  w.change_to(four(2));
  BOOST_TEST(updating::spec_of(*w.in_force, "a#1")->fingerprint == 2u);
  w.records["a#0"].wanted = false;
  w.set("a#0", state::stopping);
  w.set("a#0", state::stopped);
  w.pass(10ms);
  BOOST_TEST(w.to_replace() == std::vector<std::string>{"a#2"}, boost::test_tools::per_element());
  w.replace_all();
  w.replace_all();
  BOOST_TEST(w.done);
}

BOOST_AUTO_TEST_CASE(completed_counts_by_its_exit_code) {
  for (const int code : {0, 3}) {
    world w;
    w.run(four(1));
    w.change_to(four(2));
    w.set("a#0", state::stopping);
    w.spawn("a#0");
    w.records["a#0"].last_exit = exit_status{code, 0, false};
    w.set("a#0", state::completed, "exited");
    w.pass(10ms);
    BOOST_TEST(w.failure.has_value() == (code != 0));
  }
}

BOOST_AUTO_TEST_CASE(what_was_healthy_comes_back_in_batches_but_nothing_fails) {
  world w;
  const auto patient = [](config::bot_spec& x) {
    x.update.batch = {2, 0};
    x.update.pause = 1h;
  };
  const auto fleet = [&](std::uint64_t fingerprint) {
    return fleet_builder{}
        .bot("a", marked(fingerprint, patient), 4)
        .bot("b", marked(fingerprint))
        .bot("c", marked(fingerprint))
        .build();
  };
  w.run(fleet(2));
  w.change_to(fleet(1), [](auto& x) { x.back = true; });
  BOOST_TEST(w.to_replace().size() == 4u); // of each bot what its batch allows
  w.replace_all();
  BOOST_TEST(!w.done);
  const auto rest = w.to_replace();
  BOOST_TEST(rest == (std::vector<std::string>{"a#2", "a#3"}), boost::test_tools::per_element());
  for (const auto& name : rest) {
    w.spawn(name);
    w.set(name, state::backoff, "exited with code 1");
  }
  w.pass(10ms);
  BOOST_TEST(w.done);
  BOOST_TEST(!w.failure.has_value());
}

// -- what must prove itself ----------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_new_instance_must_come_up_too) {
  for (const bool good : {true, false}) {
    world w;
    w.run(four(1));
    w.change_to(fleet_builder{}.bot("a", marked(1), 5).bot("n", marked(9)).build());
    BOOST_TEST(!w.done);
    BOOST_TEST(w.update->progress().total == 2u);
    w.records["a#4"].wanted = w.records["n#0"].wanted = true;
    w.records["a#4"].name = "a#4";
    w.records["n#0"].name = "n#0";
    w.set("n#0", state::waiting, "waits for a/");
    w.spawn("a#4");
    w.set("a#4", state::running);
    w.pass(1h);
    BOOST_TEST(!w.done); // whom it waits for is nobody's failure
    BOOST_TEST(w.update->progress().waits_for == "n#0: waits for a/");
    w.spawn("n#0");
    w.set("n#0", good ? state::running : state::backoff, "exited with code 3");
    w.pass(10ms);
    BOOST_TEST(w.done == good);
    BOOST_TEST(w.failure.has_value() == !good);
  }
}

BOOST_AUTO_TEST_CASE(one_that_does_not_start_by_itself_is_not_waited_for) {
  world w;
  w.run(four(1));
  const auto by_hand = marked(9, [](auto& x) { x.autostart = false; });
  w.change_to(fleet_builder{}.bot("a", marked(1), 4).bot("n", by_hand).build());
  BOOST_TEST(w.done);
}

BOOST_AUTO_TEST_CASE(what_an_update_began_the_next_one_ends) {
  for (const auto now : {state::starting, state::backoff, state::running}) {
    world w;
    const auto healthy = four(1);
    w.run(healthy);
    w.change_to(four(2));
    w.set("a#0", state::stopping);
    w.spawn("a#0");
    w.set("a#0", now, "exited with code 1");
    // Somebody changes something else.
    const auto next = fleet_builder{}.bot("a", marked(2), 4).bot("b", marked(5)).build();
    w.failure.reset();
    w.change_to(next, [&](auto& x) { x.proven = healthy; });
    w.pass(10ms);
    BOOST_TEST(w.failure.has_value() == (now == state::backoff));
    BOOST_TEST(!w.done);
    w.pass(1min);
    BOOST_TEST(w.failure.has_value() == (now != state::running));
  }
}

BOOST_AUTO_TEST_CASE(a_runtime_that_goes_on_with_it_forgets_nobody) {
  world w;
  const auto healthy = four(1);
  w.run(healthy);
  w.change_to(four(2));
  w.set("a#0", state::stopping);
  w.spawn("a#0");
  w.set("a#0", state::backoff, "exited with code 1");
  w.failure.reset();
  w.change_to(four(2), [&](auto& x) {
    x.proven = x.from = healthy;
    x.resumed = true;
  });
  BOOST_REQUIRE(w.failure.has_value());
  BOOST_TEST(*w.failure == "a#0: exited with code 1");
}

BOOST_AUTO_TEST_CASE(one_that_was_down_before_is_excused) {
  world w;
  w.run(four(1));
  w.set_down("a#3");
  w.change_to(four(2), [](auto& x) { x.excused = {"a#3"}; });
  for (int i = 0; i < 3; ++i)
    w.replace_all();
  BOOST_TEST(w.done);
  BOOST_TEST(!w.failure.has_value());
}

BOOST_AUTO_TEST_CASE(one_that_was_stopped_by_its_crash_gets_one_try) {
  world w;
  w.run(four(1));
  w.set_down("a#3");
  w.change_to(four(2));
  for (int i = 0; i < 3; ++i)
    w.replace_all();
  BOOST_TEST(!w.done);
  w.spawn("a#3");
  w.set("a#3", state::running);
  w.pass(10ms);
  BOOST_TEST(w.done);
}

BOOST_AUTO_TEST_CASE(one_that_was_given_up_gets_one_try_too) {
  for (const bool good : {true, false}) {
    world w;
    const auto healthy = four(1);
    w.run(four(2));
    w.set_down("a#3", state::failed);
    w.change_to(four(3), [&](auto& x) { x.proven = healthy; });
    for (int i = 0; i < 3; ++i)
      w.replace_all();
    BOOST_TEST(!w.done);
    decide(w, "a#3", good, state::failed);
  }
}

// It crashed before the update came to it, and then the runtime died.
BOOST_AUTO_TEST_CASE(what_the_old_one_did_is_not_the_new_ones_failure) {
  world w;
  const auto healthy = four(1);
  w.run(healthy);
  w.set_down("a#3");
  w.change_to(four(2), [&](auto& x) {
    x.proven = x.from = healthy;
    x.resumed = true;
  });
  BOOST_TEST(!w.failure.has_value());
  for (int i = 0; i < 3; ++i)
    w.replace_all();
  BOOST_TEST(!w.done);
  w.spawn("a#3");
  w.set("a#3", state::running);
  w.pass(10ms);
  BOOST_TEST(w.done);
}

BOOST_AUTO_TEST_CASE(one_that_comes_back_before_it_has_left_must_come_up) {
  for (const bool good : {true, false}) {
    world w;
    const auto healthy = fleet_builder{}.bot("a", marked(1)).bot("x", marked(1)).build();
    w.run(healthy);
    w.change_to(fleet_builder{}.bot("a", marked(1)).build());
    BOOST_TEST(w.done);
    w.done = false;
    w.records["x#0"].wanted = false;
    w.set("x#0", state::stopping);
    w.change_to(fleet_builder{}.bot("a", marked(1)).bot("x", marked(2)).build());
    w.pass(1min);
    BOOST_TEST(!w.done);
    w.records["x#0"].wanted = true;
    w.set("x#0", state::waiting);
    w.pass(1min);
    BOOST_TEST(!w.done);
    decide(w, "x#0", good);
  }
}

BOOST_AUTO_TEST_CASE(nothing_to_replace_is_done_with_the_first_step) {
  world w;
  w.run(four(1));
  const auto to = four(1, [](config::bot_spec& x) { x.description = "new"; });
  w.change_to(to);
  BOOST_TEST(w.done);
  BOOST_TEST((w.in_force == to));
}

BOOST_AUTO_TEST_CASE(a_held_one_does_nothing_more) {
  world w;
  w.run(four(1));
  w.change_to(four(2));
  w.update->hold();
  w.replace_all();
  w.pass(1h);
  BOOST_TEST(!w.done);
  BOOST_TEST(w.to_replace().empty());
}

// -- mixtures ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_mixture_has_the_old_settings_where_the_old_process_is) {
  world w;
  const auto from = fleet_builder{}.bot("g/a", marked(1), 2).bot("b", marked(1)).build();
  const auto to = fleet_builder{}
                      .bot("g/a", marked(2), 3)
                      .bot("b", marked(1, [](auto& x) { x.description = "new"; }))
                      .bot("c", marked(5))
                      .build();
  w.run(from);
  const auto outdated = updating::find_outdated(*to, w.records);
  BOOST_TEST(outdated.size() == 2u);
  const auto mixed = updating::mixture(to, {from}, outdated);
  BOOST_TEST(updating::spec_of(*mixed, "g/a#0")->fingerprint == 1u);
  BOOST_TEST(updating::spec_of(*mixed, "g/a#2")->fingerprint == 2u);
  BOOST_TEST(updating::spec_of(*mixed, "b#0")->description == "new");
  BOOST_TEST(mixed->bots.contains("c"));
  // The tree of groups has the same bots.
  for (const auto& child : mixed->root->children)
    if (child.group)
      BOOST_TEST((child.group->children.front().bot == mixed->bots.at("g/a")));
  BOOST_TEST((updating::mixture(to, {from}, {}) == to));
}

BOOST_AUTO_TEST_CASE(a_process_of_a_third_version_keeps_its_fingerprint) {
  world w;
  w.run(four(7));
  const auto to = four(2);
  const auto mixed = updating::mixture(to, {four(1)}, updating::find_outdated(*to, w.records));
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(updating::spec_of(*mixed, "a#" + std::to_string(i))->fingerprint == 7u);
}

// Somebody changes a fleet that is being changed: a process of the version before may end and start
// once more before its turn comes, and must not be another program under the same fingerprint.
BOOST_AUTO_TEST_CASE(what_was_proven_is_known_though_an_update_is_between) {
  const auto program = [](const char* name) {
    return [name](config::bot_spec& x) { x.command = {name}; };
  };
  world w;
  const auto healthy = four(1, program("one"));
  w.run(healthy);
  w.change_to(four(2, program("two")));
  w.set("a#0", state::stopping);
  w.change_to(four(3, program("three")), [&](auto& x) { x.proven = healthy; });
  const auto spec = updating::spec_of(*w.in_force, "a#1");
  BOOST_TEST(spec->fingerprint == 1u);
  BOOST_TEST(spec->command.front() == "one");
}

BOOST_AUTO_TEST_CASE(unknown_settings_are_no_reason_to_replace) {
  world w;
  w.run(four(1));
  w.records["a#0"].settings = 0;
  BOOST_TEST(updating::find_outdated(*four(2), w.records).size() == 3u);
}
