#include "config/expand.hpp"

#include "config/names.hpp"

#include <array>

namespace troupe::config {

namespace {

constexpr std::size_t max_expanded = 1u << 20;

bool valid_variable(std::string_view name) {
  return !name.empty() && name.find_first_of("=${}") == std::string_view::npos
         && name.find_first_of(" \t\n") == std::string_view::npos;
}

/// Takes apart what stands between the braces.
placeholder classify(std::string_view inner) {
  placeholder result;
  if (inner == "bot.name") {
    result.what = placeholder::kind::bot_name;
  } else if (inner == "bot.index") {
    result.what = placeholder::kind::bot_index;
  } else if (inner.starts_with("env:") && valid_variable(inner.substr(4))) {
    result.what = placeholder::kind::env;
    result.name = inner.substr(4);
  } else if (inner.starts_with("secret:") && valid_name(inner.substr(7))) {
    result.what = placeholder::kind::secret;
    result.name = inner.substr(7);
  } else if (inner.starts_with("secret:")) {
    result.message = in_quotes(inner.substr(7)) + " is no name of a secret";
    result.hint = std::string{name_rule};
  } else {
    static const std::array<std::string, 4> known{"bot.name", "bot.index", "env:", "secret:"};
    result.message = "there is no placeholder " + in_quotes("${" + std::string{inner} + "}");
    result.hint = did_you_mean(inner, known);
    if (result.hint.empty())
      result.hint = valid_variable(inner) && inner.find_first_of(".:") == std::string_view::npos
                        ? "a variable is ${env:" + std::string{inner.substr(0, 60)}
                              + "}; for a shell, write $${" + std::string{inner.substr(0, 60)} + "}"
                        : "for a shell, write $${…}";
  }
  return result;
}

/// Calls `literal(text)` and `found(placeholder)` in turn, until one of them says false.
template <class Literal, class Found>
void scan(std::string_view text, const Literal& literal, const Found& found) {
  std::size_t at = 0;
  while (at < text.size()) {
    auto dollar = text.find('$', at);
    if (dollar == std::string_view::npos || dollar + 1 == text.size()) {
      literal(text.substr(at));
      return;
    }
    if (text[dollar + 1] == '$') {
      if (!literal(text.substr(at, dollar + 1 - at)))
        return;
      at = dollar + 2;
      continue;
    }
    if (text[dollar + 1] != '{') {
      if (!literal(text.substr(at, dollar + 1 - at)))
        return;
      at = dollar + 1;
      continue;
    }
    if (!literal(text.substr(at, dollar - at)))
      return;
    auto end = text.find('}', dollar);
    placeholder what;
    if (end == std::string_view::npos) {
      what.message = "${ without its }";
      what.hint = "close it, or write $${ for the characters ${";
      end = text.size() - 1;
    } else {
      what = classify(text.substr(dollar + 2, end - dollar - 2));
    }
    what.offset = dollar;
    if (!found(what))
      return;
    at = end + 1;
  }
}

expected<std::string, std::string> value_of(const placeholder& what,
                                            const expand_context& context) {
  switch (what.what) {
  case placeholder::kind::bot_name:
    return context.bot;
  case placeholder::kind::bot_index:
    return std::to_string(context.index);
  case placeholder::kind::env:
    if (context.env)
      if (auto value = context.env(what.name))
        return *value;
    return unexpected{"${env:" + what.name + "} is not set in the environment of the runtime"};
  case placeholder::kind::secret: {
    if (!context.secret)
      return unexpected{"${secret:" + what.name + "}: there are no secrets here"};
    auto value = context.secret(what.name);
    if (!value)
      return unexpected{"${secret:" + what.name + "}: " + value.error()};
    return value;
  }
  case placeholder::kind::invalid:
    break;
  }
  return unexpected{what.hint.empty() ? what.message : what.message + "; " + what.hint};
}

} // namespace

expected<std::string, std::string> expand(std::string_view text, const expand_context& context) {
  std::string result;
  std::string failure;
  auto append = [&](std::string_view part) {
    if (result.size() + part.size() > max_expanded) {
      failure = "the expanded text is longer than 1 MiB";
      return false;
    }
    result += part;
    return true;
  };
  scan(text, append, [&](const placeholder& what) {
    auto value = value_of(what, context);
    if (!value) {
      failure = value.error();
      return false;
    }
    if (value->find('\0') != std::string::npos) {
      failure = "${" + what.name + "} holds the character NUL";
      return false;
    }
    return append(*value);
  });
  if (!failure.empty())
    return unexpected{std::move(failure)};
  return result;
}

std::vector<placeholder> placeholders(std::string_view text) {
  std::vector<placeholder> result;
  scan(
      text, [](std::string_view) { return true; },
      [&](const placeholder& what) {
        result.push_back(what);
        return true;
      });
  return result;
}

} // namespace troupe::config
