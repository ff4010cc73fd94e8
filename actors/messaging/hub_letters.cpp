// Dead letters, for shells: to look at, to send again, to throw away.

#include "actors/messaging/hub_impl.hpp"
#include "actors/messaging/shell_json.hpp"

namespace troupe::messaging {

namespace {

constexpr std::uint32_t all_letters = 10'000;
constexpr std::size_t listed_payload = 256;

json letter_json(const dead_letter& of, bool whole) {
  wire::message_view v;
  json out{{"row", of.row},       {"time_us", of.at},    {"target", of.target},
           {"reason", of.reason}, {"detail", of.detail}, {"deliveries", of.deliveries}};
  if (wire::decode(of.body, v))
    return out;
  out["from"] = v.from;
  out["to"] = v.to;
  out["lane"] = to_string(v.in);
  out["delivery"] = to_string(v.how);
  out["content"] = name_of(v.kind);
  out["payload_bytes"] = v.length;
  out["trace"] = v.trace == decltype(v.trace){} ? json{} : json(hex(v.trace));
  if (v.is(wire::compressed))
    out["compressed"] = true;
  put_payload(out, v.payload, whole ? wire::max_payload : listed_payload);
  if (whole) {
    out["incarnation"] = v.incarnation;
    out["sequence"] = v.sequence;
    out["key"] = v.key;
  }
  return out;
}

/// The rows that are meant, or all of a target.
dead_letter_query query_of(const json& in, std::set<std::uint64_t>& rows) {
  dead_letter_query query;
  query.limit = all_letters;
  query.target = text_in(in, "target", wire::max_address);
  if (const auto at = in.find("rows"); at != in.end() && at->is_array()) {
    for (const auto& each : *at)
      if (each.is_number_unsigned())
        rows.insert(each.get<std::uint64_t>());
    if (rows.size() == 1)
      query.row = *rows.begin();
  }
  const auto all = in.find("all");
  if (rows.empty() && query.target.empty() && (all == in.end() || *all != true))
    throw bad_argument{"rows, target or all says which letters are meant"};
  return query;
}

} // namespace

void hub::impl::letters(const dead_letter_query& query,
                        std::function<void(const dead_letter_list&)> use, shell_answer give) {
  port.dead_letters(query, [at = handle(), use = std::move(use),
                            give = std::move(give)](const dead_letter_list& list) {
    const auto hub = at.lock();
    if (!hub)
      return;
    turn scope{**hub};
    if (!list.trouble.empty())
      return give(shell_error("store_unavailable", list.trouble));
    use(list);
  });
}

void hub::impl::letters_list(const json& in, shell_answer give) {
  dead_letter_query query;
  query.target = text_in(in, "target", wire::max_address);
  query.limit = static_cast<std::uint32_t>(number_in(in, "limit", 100, 1, 1000));
  letters(
      query,
      [give](const dead_letter_list& list) {
        auto rows = json::array();
        for (const auto& each : list.items)
          rows.push_back(letter_json(each, false));
        give({{"ok", {{"letters", std::move(rows)}, {"kept", list.kept}}}});
      },
      give);
}

void hub::impl::letters_show(const json& in, shell_answer give) {
  dead_letter_query query;
  query.row = number_in(in, "row", 0, 1, ~std::uint64_t{0});
  if (query.row == 0)
    throw bad_argument{"row is missing"};
  letters(
      query,
      [give](const dead_letter_list& list) {
        if (list.items.empty())
          return give(shell_error("no_such_dead_letter", "there is no such dead letter"));
        give({{"ok", {{"letter", letter_json(list.items.front(), true)}}}});
      },
      give);
}

/// Removes rows for good; `then` says so.
void hub::impl::purge_letters(std::vector<std::uint64_t> rows, json then, shell_answer give) {
  if (rows.empty())
    return give({{"ok", std::move(then)}});
  auto kept = std::make_shared<queue_batch>();
  kept->purged = std::move(rows);
  port.store(kept, [at = handle(), then = std::move(then),
                    give = std::move(give)](const std::string& trouble) {
    const auto hub = at.lock();
    if (!hub)
      return;
    turn scope{**hub};
    give(trouble.empty() ? json{{"ok", then}} : shell_error("store_unavailable", trouble));
  });
}

void hub::impl::letters_purge(const json& in, shell_answer give) {
  std::set<std::uint64_t> rows;
  const auto query = query_of(in, rows);
  letters(
      query,
      [this, rows, give](const dead_letter_list& list) {
        std::vector<std::uint64_t> gone_rows;
        for (const auto& each : list.items)
          if (rows.empty() || rows.contains(each.row))
            gone_rows.push_back(each.row);
        const auto number = gone_rows.size();
        purge_letters(std::move(gone_rows), {{"purged", number}}, give);
      },
      give);
}

/// Each goes as a new durable message; those that are committed are no dead letters any more.
void hub::impl::letters_requeue(const json& in, shell_answer give) {
  std::set<std::uint64_t> rows;
  const auto query = query_of(in, rows);
  struct progress {
    std::size_t open = 1;
    std::vector<std::uint64_t> sent;
    json rejected = json::array();
  };
  letters(
      query,
      [this, rows, give](const dead_letter_list& list) {
        auto state = std::make_shared<progress>();
        const auto ended = [this, state, give] {
          if (--state->open != 0)
            return;
          const auto number = state->sent.size();
          purge_letters(std::move(state->sent),
                        {{"requeued", number}, {"rejected", std::move(state->rejected)}}, give);
        };
        for (const auto& each : list.items) {
          passing m;
          if ((!rows.empty() && !rows.contains(each.row)) || wire::decode(each.body, m.view))
            continue;
          ++state->open;
          const std::string to{m.view.to}, key{m.view.key}, payload{m.view.payload};
          const auto length = m.view.length;
          shell_op op;
          op.how = m.view.how = wire::delivery::durable;
          op.until = now + std::chrono::seconds{10};
          op.give = [state, ended, row = each.row](const json& end) {
            if (end.contains("ok") && end["ok"]["outcome"] != "waiting")
              state->sent.push_back(row);
            else if (end.contains("ok"))
              state->rejected.push_back({{"row", row},
                                         {"code", "store_unavailable"},
                                         {"text", "the queue does not answer"}});
            else
              state->rejected.push_back(
                  {{"row", row}, {"code", end["error"]["code"]}, {"text", end["error"]["text"]}});
            ended();
          };
          m.view.request = 0;
          m.view.tag = 0;
          m.view.ttl = 0;
          m.view.flags &= wire::compressed;
          shell_route(m, to, key, payload, std::move(op), length);
        }
        ended();
      },
      give);
}

} // namespace troupe::messaging
