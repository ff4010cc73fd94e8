#include "runtime/store/versions.hpp"

#include "runtime/store/statement.hpp"

#include <nlohmann/json.hpp>

#include <zstd.h>

namespace troupe::store {

namespace {

/// More than any tree that can be loaded; what claims to be larger is damaged.
constexpr unsigned long long max_tree = 1ULL << 30;

constexpr std::string_view zstd_magic{"\x28\xb5\x2f\xfd", 4};

version_state version_state_from(const std::string& text) {
  for (const auto x : {version_state::updating, version_state::healthy, version_state::stopped,
                       version_state::rolled_back, version_state::superseded})
    if (to_string(x) == text)
      return x;
  return version_state::superseded; // of a later Troupe: nothing to go on with
}

config_version read_head(row& columns) {
  config_version x;
  columns.into(x.number);
  columns.into(x.time);
  columns.into(x.author);
  columns.into(x.reason);
  columns.into(x.hash);
  x.now = version_state_from(columns.text());
  const auto overrides = nlohmann::json::parse(columns.text(), nullptr, false);
  if (overrides.is_object())
    for (const auto& [bot, patch] : overrides.items())
      if (patch.is_string())
        x.overrides.emplace(bot, patch.get<std::string>());
  const auto excused = nlohmann::json::parse(columns.text(), nullptr, false);
  if (excused.is_array())
    for (const auto& instance : excused)
      if (instance.is_string())
        x.excused.insert(instance.get<std::string>());
  return x;
}

std::optional<config_version> read_whole(use& rows) {
  if (!rows.next())
    return std::nullopt;
  row columns{*rows};
  auto x = read_head(columns);
  x.tree = unpacked(columns.text());
  return x;
}

} // namespace

std::string packed(std::string_view tree) {
  std::string result(ZSTD_compressBound(tree.size()), '\0');
  const auto size = ZSTD_compress(result.data(), result.size(), tree.data(), tree.size(), 3);
  if (ZSTD_isError(size))
    return std::string{tree};
  result.resize(size);
  return result;
}

std::string unpacked(std::string_view bytes) {
  if (!bytes.starts_with(zstd_magic))
    return std::string{bytes};
  const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > max_tree)
    throw damaged_tree{};
  std::string result(size, '\0');
  if (ZSTD_decompress(result.data(), result.size(), bytes.data(), bytes.size()) != size)
    throw damaged_tree{};
  return result;
}

void write(connection& db, const config_version& x, std::uint64_t run_number) {
  const auto tree = packed(x.tree);
  const auto overrides =
      nlohmann::json(x.overrides).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  run(db, "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", x.number, x.time,
      x.author, x.reason, x.hash, to_string(x.now), bytes{tree}, overrides, run_number,
      nlohmann::json(x.excused).dump());
}

std::optional<config_version> read_version(connection& db, std::uint64_t number) {
  use rows{
      db,
      "SELECT number, time, author, reason, hash, state, overrides, excused, tree FROM versions"
      " WHERE number = ?",
      number};
  return read_whole(rows);
}

std::vector<config_version> last_versions(connection& db, std::uint32_t last) {
  use rows{
      db,
      "SELECT number, time, author, reason, hash, state, overrides, excused FROM versions ORDER BY "
      "number DESC"
      " LIMIT ?",
      last};
  std::vector<config_version> result;
  while (rows.next()) {
    row columns{*rows};
    result.push_back(read_head(columns));
  }
  return result;
}

std::optional<config_version> applied_in(connection& db, std::uint64_t run_number) {
  use rows{
      db,
      "SELECT number, time, author, reason, hash, state, overrides, excused, tree FROM versions"
      " WHERE number = (SELECT max(number) FROM versions) AND run = ?",
      run_number};
  return read_whole(rows);
}

std::optional<config_version> healthy_before(connection& db, std::uint64_t run_number,
                                             std::uint64_t number) {
  use rows{
      db,
      "SELECT number, time, author, reason, hash, state, overrides, excused, tree FROM versions"
      " WHERE number < ? AND run = ? AND state = 'healthy' ORDER BY number DESC LIMIT 1",
      number, run_number};
  return read_whole(rows);
}

void drop_versions(connection& db, std::uint64_t keep) {
  run(db,
      "DELETE FROM versions WHERE number NOT IN (SELECT number FROM versions ORDER BY number DESC"
      " LIMIT max(?, 1)) AND number IS NOT (SELECT max(number) FROM versions WHERE state ="
      " 'healthy')",
      keep);
}

} // namespace troupe::store
