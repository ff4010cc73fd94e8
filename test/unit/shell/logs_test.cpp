#include "runtime/shell/line_editor.hpp"
#include "runtime/shell/log_choice.hpp"
#include "runtime/shell/log_text.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace troupe;
using namespace troupe::shell;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(output_of_bots)

// Of the interactive shell, which needs a terminal for all else.
BOOST_AUTO_TEST_CASE(lines_with_a_secret_are_not_kept) {
  for (const auto* line : {"set bot environment.API_KEY hush", "  set bot env.token hush",
                           R"(set bot env '{"API_KEY":"hush"}')", "send bot password=hush"})
    BOOST_TEST(!may_be_kept(line), line);
  for (const auto* line : {"", "status", "why auth-gateway --json", "set bot nice 3"})
    BOOST_TEST(may_be_kept(line), line);
}

namespace {

std::string escaped(std::string_view line) {
  std::string result;
  append_escaped(result, line);
  return result;
}

std::string shown(log_text& text, const std::string& instance, std::string_view line) {
  std::string result;
  text.append(result, instance, {line, 1'770'000'000'250'000, 7});
  return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(nothing_that_steers_a_terminal_is_shown) {
  BOOST_TEST(escaped("plain\ttext") == "plain\ttext");
  BOOST_TEST(escaped("\x1b]0;x\a\0\xff"s) == "\\x1b]0;x\\x07\\x00\\xff");
  BOOST_TEST(escaped("grüß dich — 日本") == "grüß dich — 日本");
  BOOST_TEST(escaped("\xc2\x9b"
                     "31m")
             == "\\u009b31m");
  BOOST_TEST(escaped("50%\r100%\r") == "50%\\x0d100%");
  BOOST_TEST(escaped("a\xe2\x82") == "a\\xe2\\x82");
  BOOST_TEST(escaped("\u202e") == "\\u202e");
  BOOST_TEST(escaped("") == "");
  // Every byte, and every pair: no control character, and only UTF-8.
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) {
      const std::string both{static_cast<char>(a), static_cast<char>(b)};
      for (const char c : escaped(both))
        BOOST_TEST_REQUIRE((c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)));
    }
}

BOOST_AUTO_TEST_CASE(lines_of_several_have_names_in_columns) {
  log_text text{log_text::form::plain, {}};
  text.tell("a#0");
  BOOST_TEST(shown(text, "a#0", "x") == "x\n");
  text.with_names();
  text.tell("market/feed#0");
  BOOST_TEST(shown(text, "a#0", "x") == "a#0           | x\n");
  BOOST_TEST(shown(text, "market/feed#0", "y") == "market/feed#0 | y\n");
  const std::string longest(60, 'n');
  text.tell(longest);
  BOOST_TEST(shown(text, "a#0", "x") == "a#0           | x\n");
  BOOST_TEST(shown(text, longest, "x") == longest + " | x\n");
}

BOOST_AUTO_TEST_CASE(names_have_colours_on_a_terminal_only) {
  log_text text{log_text::form::plain, {true, true, 80}};
  text.with_names();
  text.tell("a#0");
  text.tell("b#0");
  const auto a = shown(text, "a#0", "\x1b[31mred");
  BOOST_TEST(a == "\x1b[36ma#0 |\x1b[0m \\x1b[31mred\n");
  BOOST_TEST(shown(text, "b#0", "").find("\x1b[33mb#0") == 0u);
}

BOOST_AUTO_TEST_CASE(json_has_a_document_a_line) {
  log_text text{log_text::form::json, {}};
  const auto line = shown(text, "a#0", "\x1b[1m \xff \xc2\x9b \"q\"\t");
  const auto document = nlohmann::json::parse(line);
  BOOST_TEST(document["schema_version"] == 1);
  BOOST_TEST(document["time"] == "2026-02-02T02:40:00.250Z");
  BOOST_TEST(document["instance"] == "a#0");
  BOOST_TEST(document["incarnation"] == 7);
  BOOST_TEST(document["text"] == "\x1b[1m \ufffd \u009b \"q\"\t");
  for (const char c : line.substr(0, line.size() - 1))
    BOOST_TEST((c >= 0x20 && c < 0x7f));
  std::string unknown;
  text.append(unknown, "b#1", {"x", std::nullopt, 0});
  BOOST_TEST(unknown
             == R"({"schema_version":1,"time":null,"instance":"b#1","incarnation":null,"text":"x"})"
                "\n");
}

BOOST_AUTO_TEST_CASE(raw_is_what_was_written) {
  log_text text{log_text::form::raw, {}};
  BOOST_TEST(shown(text, "a#0", "\x1b\0\xff\r"s) == "\x1b\0\xff\r\n"s);
}

BOOST_AUTO_TEST_CASE(targets_mean_instances_by_name) {
  BOOST_TEST(means("all", "x#0"));
  BOOST_TEST(means("market/feed", "market/feed#3"));
  BOOST_TEST(!means("market/feed", "market/feeder#3"));
  BOOST_TEST(!means("feed", "market/feed#0"));
  BOOST_TEST(means("market/feed#3", "market/feed#3"));
  BOOST_TEST(!means("market/feed#3", "market/feed#33"));
  BOOST_TEST(means("market/", "market/deep/feed#0"));
  BOOST_TEST(!means("market/", "marketing#0"));
  BOOST_TEST(means("market/*", "market/feed#0"));
  BOOST_TEST(!means("market/*", "market/deep/feed#0"));
  BOOST_TEST(means("m*/", "market/deep/feed#0"));
  BOOST_TEST(means("**/feed", "market/deep/feed#0"));
  BOOST_TEST(means("market/*#0", "market/feed#0"));
  BOOST_TEST(!means("market/*#0", "market/feed#1"));
}

namespace {

config::expected<log_choice, refusal> without_runtime(std::vector<std::string> targets,
                                                      std::vector<std::string> labels = {}) {
  client runtime{{"/nonexistent/troupe", std::chrono::milliseconds{100}, nullptr}};
  log_reading::log_listing files;
  for (const auto* name : {"market/feed#0", "market/trader#0", "market/trader#1", "flaky#0"})
    files.instances[name] = 0;
  return choose_logs(runtime, targets, labels, files);
}

} // namespace

BOOST_AUTO_TEST_CASE(without_a_runtime_files_tell_what_there_is) {
  BOOST_TEST(without_runtime({})->instances.size() == 4u);
  BOOST_TEST(without_runtime({"/market/"})->instances.size() == 3u);
  BOOST_TEST(without_runtime({"market/trader#1", "flaky"})->instances.size() == 2u);
  const auto unknown = without_runtime({"market/tradr"});
  BOOST_TEST((unknown.error().exit == exit_code::no_such_bot));
  BOOST_TEST(unknown.error().hint == "did you mean \"market/trader\"?");
  BOOST_TEST(without_runtime({"trader"}).error().hint == "did you mean \"market/trader\"?");
  BOOST_TEST(without_runtime({"market"}).error().hint.find("is a group") != std::string::npos);
  const auto labelled = without_runtime({}, {"env=prod"});
  BOOST_TEST((labelled.error().exit == exit_code::not_running));
  BOOST_TEST(labelled.error().message.find("labels") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
