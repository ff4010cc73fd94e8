// Messages: sending them, and how they stand and pass.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

constexpr sv payload_summary =
    "what it says; - reads it from stdin, @FILE from a file, @@ stands for one @ at its "
    "beginning; default: nothing";
constexpr argument_info to_one[] = {
    {"to", bot, true, false, "market/trader, market/trader#2, market/* or runtime/state"},
    {"payload", text, false, false, payload_summary},
};
constexpr argument_info to_all[] = {
    {"topic", text, true, false, "words with dots between them: ticks.btc"},
    {"payload", text, false, false, payload_summary},
};

constexpr option_info lane{"lane",
                           "--lane",
                           text,
                           "LANE",
                           "",
                           false,
                           "urgent, high, normal or low (normal)",
                           "urgent|high|normal|low"};
constexpr option_info assured{
    "assured", "--assured", flag, "", "", false, "wait until a handler has done it"};
constexpr option_info durable{
    "durable", "--durable", flag, "", "", false, "keep it on disk until a handler has done it"};
constexpr option_info ttl{
    "ttl", "--ttl", duration, "TIME", "", false, "drop it when it has not been delivered by then"};
constexpr option_info key{
    "key", "--key", text, "KEY", "", false, "what a bot with consistent_hash chooses by"};
constexpr option_info content{"content",
                              "--as",
                              text,
                              "CONTENT",
                              "",
                              false,
                              "text, json or bytes; default: what it looks like",
                              "text|json|bytes"};
constexpr option_info sending[] = {
    lane,
    assured,
    durable,
    ttl,
    key,
    content,
    {"within", "--timeout", duration, "TIME", "", false,
     "with --assured: how long to wait for the handler (10s)"},
};
constexpr option_info requesting[] = {
    lane,
    assured,
    durable,
    key,
    content,
    {"within", "--timeout", duration, "TIME", "", false, "how long to wait for the reply (10s)"},
};
constexpr option_info publishing[] = {lane, durable, ttl, content};

constexpr sv send_examples[] = {"troupe send market/trader '{\"buy\": 3}' --assured",
                                "troupe send market/trader#2 stop --lane urgent",
                                "troupe send 'market/*' @orders.json --durable --ttl 5m"};
constexpr sv request_examples[] = {"troupe request market/trader 'position?' --timeout 2s",
                                   "troupe request runtime/time"};
constexpr sv publish_examples[] = {"troupe publish ticks.btc '{\"price\": 67000}'",
                                   "troupe publish alarms.test --durable"};

constexpr argument_info of_tap[] = {
    {"target", target, false, false,
     "a bot, an instance, a group with a trailing /, topic:PATTERN, or all; default: all"},
};
constexpr option_info tapping[] = {
    {"last", "-n,--count", number, "COUNT", "", false, "end after so many messages"},
    {"every", "--every", number, "N", "", false, "only each N-th message"},
    {"rate", "--rate", number, "N", "", false, "at most N messages a second, 1 to 1000 (100)"},
};
constexpr sv tap_examples[] = {"troupe tap market/trader", "troupe tap 'topic:ticks.>' --every 100",
                               "troupe tap all -n 20 --json"};
constexpr sv queues_examples[] = {"troupe queues", "troupe queues market/ --json"};
constexpr sv links_examples[] = {"troupe links", "troupe links market/trader"};
constexpr argument_info of_topics[] = {
    {"pattern", text, false, false, "a topic, or a pattern: * is one word, a last > one or more"},
};
constexpr sv topics_examples[] = {"troupe topics", "troupe topics ticks.btc",
                                  "troupe topics 'ticks.>'"};
constexpr argument_info of_trace[] = {
    {"id", text, false, false, "a trace id, or its beginning; default: list the last ones"},
};
constexpr sv trace_examples[] = {"troupe trace", "troupe trace 4bf92f35"};

constexpr command_info rows[] = {
    {"send", "Send a message to a bot", to_one, sending, role::operator_, place::runtime, true,
     false,
     "TO is an instance, a bot (one of its instances gets it, by the bot's \"balance\"), or a "
     "group "
     "with /* (each instance gets it). Says what became of it: accepted, it is in the mailbox; "
     "with "
     "--assured done, and by whom; with --durable accepted when it is on disk. Exit code 1 when it "
     "is rejected, 5 when there is no such bot, 124 when the time ran out. A payload has at most "
     "180 KiB. The audit has its size, not what it says.",
     send_examples},
    {"request", "Send a message and wait for the reply", to_one, requesting, role::operator_,
     place::runtime, true, false,
     "Prints the reply as it is; control characters are shown as \\x1b. Exit code 1 when the "
     "handler failed or the receiver died, 124 when the time ran out. Services of the runtime "
     "answer too: runtime/time, runtime/directory.",
     request_examples},
    {"publish", "Publish a message on a topic", to_all, publishing, role::operator_, place::runtime,
     true, false,
     "Every bot that has subscribed to the topic, or to a pattern that covers it, gets the "
     "message. "
     "Says how many did; none is no error.",
     publish_examples},
    {"tap", "Watch messages pass", of_tap, tapping, role::viewer, place::runtime, false, false,
     "What a bot, an instance or a group sends and gets, or what is published on topics, as it "
     "passes, until Ctrl-C. Payloads are cut after 256 bytes, and control characters are shown as "
     "\\x1b. It never slows messages down: what comes faster than --rate or than it is read is not "
     "shown, and counted. With --json: one document a line.",
     tap_examples},
    {"queues", "Show what waits for bots", some_targets, only_labels, role::viewer, place::runtime,
     false, false,
     "For each instance what waits in its mailbox, by lane; what it is handling (UNDER WAY); what "
     "it has sent itself and does not know the end of (UNRESOLVED); what waits on disk, was "
     "dropped "
     "or rejected; how old the oldest is; and whether senders are asked to wait (PRESSURE).",
     queues_examples},
    {"links", "Show how bots are connected", some_targets, only_labels, role::viewer,
     place::runtime, false, false,
     "For each linked instance since when, with what client, what came in from it and went out to "
     "it, what of that it has not taken yet, and when it was last heard. Instances that run "
     "without "
     "a link are counted; they are supervised all the same.",
     links_examples},
    {"topics",
     "Show who has subscribed to what",
     of_topics,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "Each pattern with its subscribers. With a topic only those who would get it, with a pattern "
     "those that it covers too.",
     topics_examples},
    {"trace",
     "Show the path of a message",
     of_trace,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "Each step of a message and of what it led to, with the time since the first (@) and since "
     "the one before (+). Messages of shells are always traced, and those of bots that ask for it; "
     "`send`, `request` and `publish` print the id, `tap` and `dead-letters show` too. The last "
     "20000 steps are kept in memory.",
     trace_examples},
};

} // namespace

std::span<const command_info> messaging() {
  return rows;
}

} // namespace troupe::command_table
