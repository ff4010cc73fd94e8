// A10: whatever is typed as a name is a name, or is refused; it is never more. Two
// hundred texts that have broken other programs, in every place where a text goes.

#include "actors/commands/targets.hpp"
#include "config/names.hpp"
#include "runtime/shell/hello.hpp"
#include "runtime/shell/parse.hpp"
#include "runtime/shell/render.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>

using namespace troupe;
using namespace troupe::shell;

namespace {

/// Bases, each used alone, doubled, around a good name, and very long.
std::vector<std::string> nasty_texts() {
  using namespace std::string_literals;
  const std::string bases[] = {
      ""s,
      " "s,
      "\t"s,
      "\n"s,
      "\r\n"s,
      "\0"s,
      "a\0b"s,
      "\x1b[2J"s,
      "\x1b]0;x\a"s,
      "\x7f"s,
      "\x80"s,
      "\xff\xfe"s,
      "\xc0\xaf"s,
      "\xed\xa0\x80"s,
      "\xf4\x90\x80\x80"s,
      "\u202e"s,
      "\u2028"s,
      "\ufeff"s,
      "é"s,
      "🙂"s,
      ";"s,
      "; rm -rf /"s,
      "&& reboot"s,
      "| cat"s,
      "`id`"s,
      "$(id)"s,
      "${HOME}"s,
      "$HOME"s,
      ">x"s,
      "<x"s,
      "'"s,
      "\""s,
      "\\"s,
      "\\n"s,
      "%s%n"s,
      "%00"s,
      "%2e%2e%2f"s,
      ".."s,
      "../"s,
      "../../etc/passwd"s,
      "/etc/passwd"s,
      "/"s,
      "//"s,
      "a//b"s,
      "./a"s,
      "a/../b"s,
      "~root"s,
      "C:\\x"s,
      "-"s,
      "--"s,
      "---"s,
      "--json=x"s,
      "--help=1"s,
      "--state"s,
      "-y-y"s,
      "@file"s,
      "@/etc/passwd"s,
      "{}"s,
      "[]"s,
      "[a,b]"s,
      "{\"a\":1}"s,
      "null"s,
      "true"s,
      "NaN"s,
      "1e999"s,
      "-0"s,
      "0x10"s,
      "#"s,
      "##"s,
      "#0"s,
      "a#"s,
      "a#-1"s,
      "a#99999999999999999999"s,
      "a#1#2"s,
      "A"s,
      "a b"s,
      "a,b"s,
      "a=b"s,
      "a:b"s,
      "a@b"s,
      "a+b"s,
      "<script>"s,
      "'; DROP TABLE events; --"s,
      "\" OR 1=1"s,
      "admin\0root"s,
      "con"s,
      "...."s,
      "_a"s,
      ".a"s,
      "-a"s,
      "a\\"s,
      "++"s,
      "!a"s,
      "^a"s,
      "(a)"s,
  };
  std::vector<std::string> result;
  for (const auto& base : bases) {
    result.push_back(base);
    result.push_back(base + base);
    result.push_back("market/" + base);
    std::string lengthy;
    while (!base.empty() && lengthy.size() < 5000)
      lengthy += base;
    result.push_back(lengthy);
  }
  return result;
}

config::fleet_spec fleet() {
  config::fleet_spec result;
  result.name = "demo";
  result.root = std::make_shared<config::group_entry>();
  for (const auto* name : {"market/feed", "flaky"}) {
    auto bot = std::make_shared<config::bot_entry>();
    bot->name = name;
    bot->instances = {std::make_shared<config::bot_spec>()};
    result.bots[name] = bot;
  }
  return result;
}

bool clean(const std::string& text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n') || byte == 0x7f;
  });
}

} // namespace

BOOST_AUTO_TEST_SUITE(nasty_inputs)

BOOST_AUTO_TEST_CASE(there_are_enough_of_them) {
  BOOST_TEST(nasty_texts().size() >= 200);
}

BOOST_AUTO_TEST_CASE(as_a_target_it_is_refused_or_a_name) {
  const auto spec = fleet();
  for (const auto& text : nasty_texts()) {
    const auto got = commands::resolve(spec, {{text}, {}});
    if (got) {
      // Only a glob, or the group itself, may mean something here.
      BOOST_TEST((config::is_glob(text) || text == "market/"), escape(text));
      continue;
    }
    const auto exit = got.error().exit;
    BOOST_TEST((exit == exit_code::usage || exit == exit_code::no_such_bot));
    BOOST_TEST(clean(render_refusal(got.error(), false)), escape(text));
    BOOST_TEST(got.error().message.size() < 400);
    BOOST_TEST(!commands::resolve_bot(spec, text, "show").has_value());
  }
}

BOOST_AUTO_TEST_CASE(as_a_label_it_matches_nothing) {
  const auto spec = fleet();
  for (const auto& text : nasty_texts())
    BOOST_TEST(!commands::resolve(spec, {{}, {text}}).has_value(), escape(text));
}

BOOST_AUTO_TEST_CASE(as_a_word_it_stays_one_word) {
  for (const auto& text : nasty_texts()) {
    if (text.starts_with("-") || text.find('\0') != std::string::npos || text.starts_with("++"))
      continue;
    const auto what = parse({"show", text});
    if (!what) {
      BOOST_TEST(clean(render_refusal(what.error(), false)));
      continue;
    }
    // CLI11 reads [a,b] as a list; as a bot's name that is refused or taken as it is.
    BOOST_TEST(what->arguments.size() == 1);
    BOOST_TEST(what->arguments["bot"] == text, escape(text));
    BOOST_TEST(!what->global.json);
    BOOST_TEST(what->global.state.empty());
  }
}

BOOST_AUTO_TEST_CASE(as_a_line_it_never_becomes_another_command) {
  for (const auto& text : nasty_texts()) {
    const auto words = split_line("show " + quote_word(text));
    BOOST_REQUIRE(words.has_value());
    BOOST_REQUIRE(words->size() == 2);
    BOOST_TEST((*words)[0] == "show");
    BOOST_TEST((*words)[1] == text, escape(text));
  }
}

BOOST_AUTO_TEST_CASE(as_a_command_it_is_none) {
  for (const auto& text : nasty_texts()) {
    const auto what = parse({text});
    if (what)
      BOOST_TEST((what->command == nullptr), escape(text));
    else
      BOOST_TEST(clean(render_refusal(what.error(), false)));
  }
}

BOOST_AUTO_TEST_CASE(as_a_number_or_a_duration_it_is_refused) {
  for (const auto& text : nasty_texts()) {
    BOOST_TEST(!parse({"events", "--last=" + text}).has_value(), escape(text));
    const bool refused = !parse({"start", "a", "--wait=" + text}).has_value();
    BOOST_TEST(refused, escape(text));
  }
}

BOOST_AUTO_TEST_CASE(as_a_hello_it_is_refused) {
  for (const auto& text : nasty_texts()) {
    BOOST_TEST(!check_client_hello(text).empty(), escape(text));
    BOOST_TEST(!check_client_hello("troupe/" + text).empty(), escape(text));
    BOOST_TEST(!read_welcome(text).has_value(), escape(text));
    BOOST_TEST(clean(refusal_line(text)));
  }
}

BOOST_AUTO_TEST_CASE(as_the_name_of_a_fleet_it_survives_the_hello) {
  for (const auto& text : nasty_texts()) {
    if (text.empty() || text.size() > 60)
      continue;
    auto line = to_line({7, text, "0.1.0"});
    BOOST_TEST(line.size() <= max_hello_bytes);
    BOOST_TEST(clean(line));
    line.pop_back();
    const auto back = read_welcome(line);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST(back->fleet == text, escape(text));
  }
}

BOOST_AUTO_TEST_CASE(shown_it_steers_no_terminal) {
  for (const auto& text : nasty_texts()) {
    const auto shown = escape(text);
    BOOST_TEST(clean(shown));
    BOOST_TEST(shown.find('\n') == std::string::npos);
    BOOST_TEST(shown.find("\u202e") == std::string::npos);
    BOOST_TEST(shown.find("\xc2\x9b") == std::string::npos);
    json row;
    row["name"] = "a#0";
    row["state"] = "failed";
    row["why"] = text;
    json document;
    document["instances"] = json::array({row});
    BOOST_TEST(clean(render_status(document, {})));
  }
}

BOOST_AUTO_TEST_SUITE_END()
