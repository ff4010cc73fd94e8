#pragma once

// What every importer makes: bots with settings, and remarks on all that does not come along.

#include <nlohmann/json.hpp>

#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::importing {

/// Keys keep the order in which they were set: that of the file a person will read.
using json = nlohmann::ordered_json;

/// Where something stands in what is imported.
struct place {
  std::string file;
  std::uint32_t line = 0; ///< from 1; 0: the file as a whole

  bool operator==(const place&) const = default;
};

enum class weight : std::uint8_t {
  lost,    ///< not carried over
  changed, ///< carried over, but it is not quite the same here
  warning, ///< carried over; look at it
};

std::string_view to_string(weight);

/// One thing that a person should know about the import.
struct remark {
  weight how = weight::lost;
  place where;
  std::string bot; ///< its full name here; empty when it concerns no bot
  std::string key; ///< as the source spells it
  std::string why;
  std::string advice; ///< what to do instead; may be empty
};

/// One bot to be.
struct imported_bot {
  std::string name;  ///< full and valid, "market/trader"
  std::string title; ///< what it was, «[program:trader]»
  place where;
  std::vector<std::string> comments; ///< lines for the head of its file
  json settings = json::object();
  std::map<std::string, place> places; ///< of each key of `settings`: what it was made of
  std::vector<remark> remarks;

  void set(const std::string& key, json value, const place& from);
  /// A member of an object such as `log`, which is made when it is not there.
  void set_in(const std::string& key, const std::string& member, json value, const place& from);
  void remark_on(weight how, const place& from, std::string key, std::string why,
                 std::string advice = {});
  void lost(const place& from, std::string key, std::string why, std::string advice = {}) {
    remark_on(weight::lost, from, std::move(key), std::move(why), std::move(advice));
  }
  void changed(const place& from, std::string key, std::string why, std::string advice = {}) {
    remark_on(weight::changed, from, std::move(key), std::move(why), std::move(advice));
  }
  /// It is there, but as it is now it must not run by itself: that would do harm.
  void hold_back(const place& from, std::string key, std::string why, std::string advice = {});
};

/// The tree to be. References to its bots stay valid.
class imported_fleet {
public:
  /// A directory of that name, or of the nearest that is valid and free; returns its name.
  std::string add_group(const std::string& wanted, const place& from);
  /// A bot of that name in a group ("" is the root); also here the nearest valid, free name.
  imported_bot& add_bot(const std::string& group, const std::string& wanted, std::string title,
                        const place& from);
  /// Takes it out again; what was said about it stays said, about no bot.
  void drop_bot(const std::string& name);

  /// A key of group.json; "" is the root.
  json& group(const std::string& name) { return groups_[name]; }
  /// A member of profiles/NAME.json's settings of that bot; the profile's valid name.
  std::string set_in_profile(const std::string& profile, const std::string& bot,
                             const std::string& key, json value);

  void remark_on(weight how, const place& from, std::string key, std::string why,
                 std::string advice = {});
  /// Said once, however many files it holds for.
  void once(const place& from, std::string key, std::string why, std::string advice = {});

  std::list<imported_bot>& bots() { return bots_; }
  const std::list<imported_bot>& bots() const { return bots_; }
  imported_bot* find(std::string_view name);
  const std::map<std::string, json>& groups() const { return groups_; }
  const std::map<std::string, json>& profiles() const { return profiles_; }

  /// All remarks, by file and line.
  std::vector<remark> remarks() const;

private:
  std::string free_name(const std::string& group, const std::string& wanted, bool is_group) const;

  std::list<imported_bot> bots_;
  std::map<std::string, json> groups_{{"", json::object()}};
  std::map<std::string, json> profiles_;
  std::set<std::string> taken_; ///< full names of bots and groups
  std::vector<remark> remarks_;
  std::set<std::string> said_;
};

} // namespace troupe::importing
