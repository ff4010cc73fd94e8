"""Commands on messages against a real fleet, with links by hand in the bots' places."""

import json
import subprocess
import threading
import unittest

from raw_link import CALL, REPLY, RESULT, Ended, Link, environment_of, frame
from troupe_case import Case
from troupe_test import PATIENCE, TROUPE, clean_environment, faultbot, poll_until


class Answering(threading.Thread):
    """Handles what comes over a link until it ends: `handle(link, message)`."""

    def __init__(self, link, handle):
        super().__init__(daemon=True)
        self.link, self.handle, self.got = link, handle, []
        self.start()

    def run(self):
        try:
            while True:
                message = self.link.message()
                self.got.append(message)
                self.handle(self.link, message)
        except (Ended, OSError):
            pass


def do(link, message):
    if message.delivery:
        link.done(message)


def echo(link, message):
    link.send(message.origin, b"you said " + message.payload, flags=REPLY,
              request=message.request)
    do(link, message)


def fail(link, message):
    link.done(message, result=1)


class MessageCommands(Case):
    def start(self, **more):
        fleet = self.fleet({"market/feed": faultbot(),
                            "market/trader": {**faultbot(), "replicas": 2, **more}},
                           innocents=False)
        fleet.wait_running()
        return fleet

    def link(self, fleet, instance, handle=None, **hello):
        link = Link(environment_of(fleet.pid(instance))).greet(**hello)
        self.addCleanup(link.close)
        return Answering(link, handle) if handle else link

    # -- sending -------------------------------------------------------------------------------

    def test_send_says_what_became_of_it(self):
        fleet = self.start()
        trader = self.link(fleet, "market/trader#1", do)
        sent = fleet.ask("send", "market/trader#1", "hello", "--assured")
        self.assertEqual(("done", ["market/trader#1"], 1, 5),
                         tuple(sent[k] for k in ("outcome", "by", "receivers", "sent_bytes")))
        got = trader.got[-1]
        self.assertEqual(("runtime/shell", "market/trader#1", b"hello", 2),
                         (got.origin, got.to, got.payload, got.lane))
        plain = fleet("send", "market/trader#1", '{"a": 1}', "--lane", "urgent")
        self.assertEqual((0, ""), (plain.exit, plain.err))
        self.assertRegex(plain.out, r"^accepted for market/trader#1  trace [0-9a-f]{32}\n$")
        poll_until(lambda: len(trader.got) == 2)
        self.assertEqual((0, 2, b'{"a": 1}'),
                         (trader.got[1].lane, trader.got[1].content, trader.got[1].payload))
        durable = fleet.ask("send", "market/trader#1", "kept", "--durable")
        self.assertEqual("accepted", durable["outcome"])
        poll_until(lambda: len(trader.got) == 3)

    def test_payloads_come_from_stdin_and_files(self):
        fleet = self.start()
        trader = self.link(fleet, "market/trader#0", do)
        path = fleet.tree / "payload"
        path.write_bytes(b"\xff\x00raw")
        fleet.ask("send", "market/trader#0", f"@{path}", "--assured")
        self.assertEqual((0, b"\xff\x00raw"), (trader.got[-1].content, trader.got[-1].payload))
        piped = subprocess.run([TROUPE, "--state", fleet.state, "send", "market/trader#0", "-",
                                "--assured"], input=b"from stdin", env=clean_environment(),
                               timeout=PATIENCE, capture_output=True)
        self.assertEqual((0, b""), (piped.returncode, piped.stderr))
        self.assertEqual(b"from stdin", trader.got[-1].payload)
        path.write_bytes(bytes(180 * 1024 + 1))
        self.assertEqual(2, fleet("send", "market/trader#0", f"@{path}").exit)
        path.write_bytes(bytes(180 * 1024))
        fleet.ask("send", "market/trader#0", f"@{path}", "--assured")
        self.assertEqual(180 * 1024, trader.got[-1].length)

    def test_rejections_have_reason_and_exit_code(self):
        fleet = self.start()
        wrong = fleet("send", "market/tradr", "x")
        self.assertEqual((5, ""), (wrong.exit, wrong.out))
        self.assertIn("market/trader", wrong.err)
        self.assertEqual("no-such-bot", fleet.ask("send", "nobody", "x", expect=5)["error"]["code"])
        self.assertEqual(2, fleet("send", "market/", "x").exit)
        # A reader that takes nothing, and a sender that does not wait for ever.
        self.link(fleet, "market/trader#0")
        waiting = fleet.ask("send", "market/trader#0", "x", "--assured", "--timeout", "300ms",
                            expect=124)
        self.assertEqual("waiting", waiting["outcome"])
        fleet.ask("stop", "market/feed", "--wait=30s")
        self.assertEqual("not-running",
                         fleet.ask("send", "market/feed", "x", expect=1)["error"]["code"])

    def test_request_prints_the_reply(self):
        fleet = self.start()
        trader = self.link(fleet, "market/trader#0", echo)
        plain = fleet("request", "market/trader#0", "position\x1b[2J?")
        self.assertEqual((0, "you said position\\x1b[2J?\n"), (plain.exit, plain.out))
        reply = fleet.ask("request", "market/trader#0", "x")
        self.assertEqual(("market/trader#0", "you said x", False),
                         (reply["by"], reply["payload"], reply["failed"]))
        self.assertLess(reply["took_s"], PATIENCE)
        trader.handle = lambda *_: None
        late = fleet.ask("request", "market/trader#0", "x", "--timeout", "300ms", expect=124)
        self.assertEqual("timed-out", late["error"]["code"])
        now = json.loads(fleet("request", "runtime/time").out)
        self.assertIsInstance(now, dict)

    def test_publish_reaches_subscribers(self):
        fleet = self.start()
        nobody = fleet("publish", "ticks.btc", "1")
        self.assertEqual((0, True), (nobody.exit, "nobody has subscribed" in nobody.out))
        feed = self.link(fleet, "market/feed#0")
        feed.say(frame(CALL, {"id": 1, "op": "subscribe", "pattern": "market.*"}))
        self.assertTrue(json.loads(feed.hear(RESULT))["ok"])
        sent = fleet.ask("publish", "market.btc", "1")
        self.assertEqual((1, ["market/feed#0"]), (sent["receivers"], sent["by"]))
        self.assertEqual(b"1", feed.message().payload)
        rows = fleet.ask("topics", "market.btc")["subscriptions"]
        self.assertEqual([("market.*", ["market/feed#0"], 1)],
                         [(r["pattern"], r["subscribers"], r["count"]) for r in rows])
        self.assertEqual([], fleet.ask("topics", "other")["subscriptions"])
        self.assertEqual(1, fleet.ask("publish", "a..b", "1", expect=2)["schema_version"])

    # -- looking -------------------------------------------------------------------------------

    def test_queues_and_links(self):
        fleet = self.start()
        self.link(fleet, "market/trader#0", window={"messages": 1, "bytes": 4096})
        for number in range(3):
            fleet.ask("send", "market/trader#0", str(number))
        row = next(r for r in fleet.ask("queues", "market/trader")["mailboxes"]
                   if r["instance"] == "market/trader#0")
        self.assertEqual((2, 1, True), (row["waiting"]["normal"], row["under_way"], row["linked"]))
        self.assertGreaterEqual(row["oldest_s"], 0)
        self.assertIn("market/trader#0", fleet("queues").out)
        links = fleet.ask("links")
        self.assertEqual([("market/trader#0", "raw_link.py 1", 1)],
                         [(r["instance"], r["client"], r["messages_out"]) for r in links["links"]])
        self.assertEqual(["market/feed#0", "market/trader#1"], sorted(links["unlinked"]))
        shown = fleet.ask("show", "market/trader")["instances"]
        self.assertEqual("raw_link.py 1", shown[0]["link"]["client"])
        self.assertIsNone(shown[1]["link"])
        self.assertIn("linked with raw_link.py 1", fleet("show", "market/trader").out)

    def test_tap_shows_what_passes(self):
        fleet = self.start()
        trader = self.link(fleet, "market/trader#0", do)
        tap = subprocess.Popen([TROUPE, "--state", fleet.state, "tap", "market/trader", "-n", "2",
                                "--json"], stdout=subprocess.PIPE, env=clean_environment(),
                               text=True)
        self.addCleanup(tap.wait, PATIENCE)
        self.addCleanup(tap.kill)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(tap.stdout), daemon=True)
        reader.start()

        def both():
            fleet.ask("send", "market/trader#0", "x" * 300)
            return tap.poll() is not None

        poll_until(both)
        reader.join(PATIENCE)
        rows = [json.loads(line) for line in lines]
        self.assertEqual([("runtime/shell", "market/trader#0", 300, "x" * 256)] * 2,
                         [(r["from"], r["to"], r["length"], r["payload"]) for r in rows])
        self.assertEqual(5, fleet("tap", "nobody").exit)
        self.assertGreater(len(trader.got), 1)

    def test_trace_is_the_path(self):
        fleet = self.start()
        self.link(fleet, "market/trader#0", do)
        trace = fleet.ask("send", "market/trader#0", "x", "--assured")["trace"]
        steps = [s["step"] for s in fleet.ask("trace", trace)["spans"]]
        self.assertEqual(("taken", "done"), (steps[0], steps[-1]))
        self.assertIn("delivered", steps)
        self.assertIn("done  market/trader#0", fleet("trace", trace[:8]).out)
        self.assertIn(trace, fleet.ask("trace")["traces"])
        self.assertEqual(1, fleet("trace", "0" * 32).exit)

    # -- kept ----------------------------------------------------------------------------------

    def test_dead_letters(self):
        fleet = self.start(max_deliveries=1)
        trader = self.link(fleet, "market/trader#0", fail)
        sent = fleet.ask("send", "market/trader#0", "poison", "--assured", expect=1)
        self.assertIn(sent["error"]["code"], ("too-many-deliveries", "refused"))
        letter = poll_until(lambda: fleet.ask("dead-letters", "list")["letters"])[0]
        self.assertEqual(("runtime/shell", "market/trader#0", "poison"),
                         (letter["from"], letter["to"], letter["payload"]))
        row = str(letter["row"])
        self.assertEqual(letter["row"], fleet.ask("dead-letters", "show", row)["letter"]["row"])
        self.assertIn("poison", fleet("dead-letters", "show", row).out)
        trader.handle = do
        self.assertEqual(1, fleet.ask("dead-letters", "requeue", row)["requeued"])
        poll_until(lambda: len(trader.got) == 2)
        self.assertEqual(b"poison", trader.got[1].payload)
        self.assertEqual([], fleet.ask("dead-letters", "list")["letters"])
        self.assertEqual(1, fleet("dead-letters", "show", row).exit)
        self.assertEqual(2, fleet("dead-letters", "purge", "--all").exit)
        self.assertEqual(0, fleet.ask("dead-letters", "purge", "--all", "-y")["purged"])

    def test_shared_state(self):
        fleet = self.start()
        self.assertEqual("no-such-key",
                         fleet.ask("state", "get", "k", expect=1)["error"]["code"])
        first = fleet.ask("state", "set", "k", '{"max": 3}', "--group", "market", "--durable")
        self.assertEqual('{"max":3}\n', fleet("state", "get", "k", "--group", "market/").out)
        conflict = fleet.ask("state", "set", "k", "4", "--group", "market", "--if-version",
                             str(first["version"] + 7), expect=1)
        self.assertEqual("conflict", conflict["error"]["code"])
        second = fleet.ask("state", "set", "k", "4", "--group", "market", "--if-version",
                           str(first["version"]))
        self.assertGreater(second["version"], first["version"])
        self.assertEqual([("k", 4)], [(e["key"], e["value"]) for e in
                                      fleet.ask("state", "list", "--group", "market")["entries"]])
        watch = subprocess.Popen([TROUPE, "--state", fleet.state, "state", "watch", "--group",
                                  "market", "--json"], stdout=subprocess.PIPE, text=True,
                                 env=clean_environment())
        self.addCleanup(watch.wait, PATIENCE)
        self.addCleanup(watch.kill)
        self.assertEqual(4, json.loads(watch.stdout.readline())["value"])
        fleet.ask("state", "delete", "k", "--group", "market")
        self.assertTrue(json.loads(watch.stdout.readline())["deleted"])
        self.assertEqual(5, fleet("state", "get", "k", "--group", "mrket").exit)


if __name__ == "__main__":
    unittest.main()
