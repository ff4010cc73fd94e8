#include "runtime/import/percent.hpp"

#include "config/names.hpp"
#include "runtime/import/words.hpp"

namespace troupe::importing {

namespace {

/// «02» and «d» of `%(process_num)02d`.
std::string formatted(long long value, std::string_view width) {
  auto text = std::to_string(value);
  const auto columns = number(width).value_or(0);
  const char fill = width.starts_with('0') ? '0' : ' ';
  if (columns > 0 && columns < 100)
    while (text.size() < static_cast<std::size_t>(columns))
      text.insert(text.begin(), fill);
  return text;
}

} // namespace

config::expected<std::string, std::string>
percent_expand(std::string_view text, const percent_context& context, percent_use use) {
  const bool expanded = use == percent_use::expanded;
  std::string result;
  std::string plain; // kept back, so that a `$` before a `{` is seen as one
  const auto flush = [&](bool placeholder_follows) {
    result += expanded ? literal(plain, placeholder_follows) : plain;
    plain.clear();
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      plain += text[at];
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == '%') {
      plain += '%';
      ++at;
      continue;
    }
    const auto close = text.find(')', at);
    const auto kind = close == std::string_view::npos
                          ? close
                          : text.find_first_not_of("0123456789-+ ", close + 1);
    if (at + 1 >= text.size() || text[at + 1] != '(' || kind == std::string_view::npos)
      return config::unexpected{std::string{"a single % is an error to supervisord: write %%"}};
    const std::string name{text.substr(at + 2, close - at - 2)};
    const auto width = text.substr(close + 1, kind - close - 1);
    if (name == "process_num") {
      if (context.process_num) {
        plain += formatted(*context.process_num, width);
      } else {
        flush(true);
        result += "${bot.index}";
      }
    } else if (const auto found = context.values.find(name); found != context.values.end()) {
      plain += found->second;
    } else if (name.starts_with("ENV_")) {
      const auto known = context.env.find(name.substr(4));
      if (!expanded)
        return config::unexpected{config::in_quotes("%(" + name + ")s")
                                  + " is known only when a bot starts"};
      flush(true);
      result += known != context.env.end() ? known->second : "${env:" + name.substr(4) + "}";
    } else {
      return config::unexpected{"there is no " + config::in_quotes("%(" + name + ")s") + " here"};
    }
    at = kind;
  }
  flush(false);
  return result;
}

std::string percent_literal(std::string_view text) {
  std::string result;
  for (const char c : text)
    result += c == '%' ? std::string{"%%"} : std::string(1, c);
  return result;
}

bool uses_number(std::string_view text) {
  return text.find("%(process_num)") != std::string_view::npos;
}

bool needs_each_number(std::string_view text) {
  static constexpr std::string_view name = "%(process_num)";
  for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const auto after = text.substr(at + name.size());
    if (!after.starts_with('d') && !after.starts_with('s'))
      return true;
  }
  return false;
}

} // namespace troupe::importing
