#pragma once

// The control frames of the link protocol: JSON in and out.

#include "messages/wire/message.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <troupe/bot.hpp>

namespace troupe::bot::detail {

struct greeting {
  const options* who = nullptr;
  bool drains = false;
  bool flattens = false;
  std::array<std::uint64_t, wire::lanes> next{};
  std::size_t known = 0;
};

/// Body of a HELLO.
std::string hello(const greeting&);

struct welcome {
  std::uint32_t version = 1;
  std::string fleet;
  bool zstd = false;
  std::chrono::seconds heartbeat{10};
  std::uint64_t window_messages = 8192;
  std::uint64_t window_bytes = 8u << 20;
  std::uint64_t unresolved = 1024;
  settings config;
};

struct farewell {
  std::string reason;
  std::string text;
};

struct call_result {
  std::uint64_t id = 0;
  bool ok = false;
  code problem = code::bad_message;
  std::string text;
};

struct order {
  enum class kind { drain, flatten, config, pressure, unknown };
  kind what = kind::unknown;
  std::chrono::milliseconds within{0};
  settings config;
  std::string to;
  bool on = false;
};

// Each is nothing when the body is no such thing.
std::optional<welcome> read_welcome(std::string_view body);
std::optional<farewell> read_farewell(std::string_view body);
std::optional<call_result> read_result(std::string_view body);
std::optional<order> read_order(std::string_view body);

std::string farewell_body(std::string_view reason, std::string_view text);
std::string subscribe_body(std::uint64_t id, std::string_view pattern, bool durable);
std::string unsubscribe_body(std::uint64_t id, std::string_view pattern);
/// `ready`, `stopping`.
std::string tell_body(std::string_view op);
std::string status_body(std::string_view text);
/// `drained`, `flattened`; no problem: it went well.
std::string answer_body(std::string_view op, std::string_view problem);

} // namespace troupe::bot::detail
