"""The sync front against a runtime that does what the test says."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
import unittest.mock

import fake_runtime as fake
from fake_runtime import FakeRuntime, message
import troupe
from troupe import wire


class BotCase(unittest.TestCase):
    def setUp(self):
        self.runtime = FakeRuntime()
        self.addCleanup(self.runtime.close)
        self.bot = troupe.Bot(environment=fake.ENVIRONMENT)

    def start(self, **welcome):
        """Runs the bot in a thread; links it."""
        self.bot.attach(self.runtime.bots)
        self.bot.start()
        self.addCleanup(self.end)
        return self.runtime.greet(**welcome)

    def end(self):
        self.bot.stop()
        self.runtime.hang_up()
        self.bot.close()


class Handling(BotCase):
    def test_messages_requests_topics(self):
        got = []
        done = threading.Event()

        @self.bot.on_message
        def on_message(m):
            got.append(("message", m.payload, m.sender, m.lane, m.delivery, m.redelivered))
            done.set()

        @self.bot.on_request
        def on_request(m):
            return {"double": 2 * m.payload["n"]}

        @self.bot.subscribe("ticks.*")
        def on_tick(m):
            got.append(("tick", m.topic, m.payload))

        self.start()
        call = self.runtime.expect(wire.CALL)
        self.runtime.send(wire.json_frame(wire.RESULT, {"id": call["id"], "ok": True}))
        self.assertEqual("ready", self.runtime.expect(wire.TELL)["op"])
        self.runtime.send(message(1, b'{"price":1}', content=2, to="topic:ticks.btc"),
                          message(2, b'{"n":21}', content=2, request=4),
                          message(3, "ü".encode(), content=1, lane=3, delivery=1, tag=9,
                                  flags=wire.AGAIN))
        reply = self.runtime.expect(wire.MESSAGE)
        self.assertEqual((b'{"double":42}', 4), (reply.payload, reply.head.request))
        self.assertEqual([(9, 0)], self.runtime.expect(wire.DONE))
        self.assertEqual([("tick", "ticks.btc", {"price": 1}),
                          ("message", "ü", "market/feed#0", "low", "assured", True)], got)

    def test_a_failing_handler(self):
        @self.bot.on_request
        def on_request(m):
            if m.payload == b"refuse":
                raise troupe.Refuse("not today")
            raise ValueError("bad input")

        self.bot.on_message(on_request)
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.start()
            self.runtime.send(message(1, b"x", request=1, delivery=1, tag=1),
                              message(2, b"refuse", request=2, delivery=1, tag=2),
                              message(3, b"refuse", delivery=1, tag=3))
            failed, refused = self.runtime.expect(wire.MESSAGE), self.runtime.expect(wire.MESSAGE)
            # Whoever asked knows; only what nobody was told of comes again.
            done = []
            while len(done) < 3:
                done += self.runtime.expect(wire.DONE)
            self.assertEqual([(1, wire.DONE_DONE), (2, wire.DONE_DONE), (3, wire.DONE_FAILED)],
                             done)
        self.assertEqual(wire.REPLY | wire.FAILED, failed.head.flags)
        self.assertEqual(b"ValueError: bad input", failed.payload)
        self.assertEqual(b"not today", refused.payload)
        self.assertIn("Traceback", said.getvalue())
        self.assertEqual(1, said.getvalue().count("Traceback"))
        # It lives on.
        self.runtime.send(message(4, b"refuse", request=3))
        self.runtime.expect(wire.MESSAGE)

    def test_a_failure_whose_text_is_no_utf8(self):
        @self.bot.on_request
        def on_request(m):
            raise troupe.Refuse("no file '\udcff'")

        self.start()
        for number in (1, 2):
            self.runtime.send(message(number, request=number))
            self.assertEqual(b"no file '\\udcff'", self.runtime.expect(wire.MESSAGE).payload)

    def test_nobody_there(self):
        self.start()
        self.runtime.send(message(1, request=1), message(2, delivery=1, tag=1),
                          message(3, delivery=1, tag=2, to="market/trader#2/nobody"))
        self.assertIn(b"no handler for requests", self.runtime.expect(wire.MESSAGE).payload)
        self.assertEqual([(1, 1), (2, 2)], self.runtime.expect(wire.DONE))

    def test_hosted_by_name(self):
        @self.bot.host("pricer")
        def price(m):
            return "cheap"

        self.start()
        self.runtime.send(message(1, request=1, to="market/trader#2/pricer"))
        self.assertEqual(b"cheap", self.runtime.expect(wire.MESSAGE).payload)

    def test_replying_later_from_another_thread(self):
        @self.bot.on_request
        def on_request(m):
            threading.Thread(target=m.reply, args=("later",)).start()
            return troupe.LATER

        self.start()
        self.runtime.send(message(1, request=1))
        self.assertEqual(b"later", self.runtime.expect(wire.MESSAGE).payload)

    def test_a_reply_that_is_no_json(self):
        self.bot.on_request(lambda m: object())
        with contextlib.redirect_stderr(io.StringIO()):
            self.start()
            self.runtime.send(message(1, request=1))
            reply = self.runtime.expect(wire.MESSAGE)
        self.assertIn(b"TypeError", reply.payload)

    def test_trace_goes_on(self):
        seen = []

        @self.bot.on_message
        def on_message(m):
            seen.append((m.traceparent, self.bot.traceparent))
            self.bot.send("a/b", "next")

        self.start()
        trace = bytes(range(1, 17))
        self.runtime.send(message(1, trace=trace, span=b"12345678", flags=wire.SAMPLED))
        sent = self.runtime.expect(wire.MESSAGE)
        self.assertEqual((trace, wire.SAMPLED), (sent.head.trace, sent.head.flags))
        self.assertNotEqual(b"12345678", sent.head.span)
        self.assertEqual(f"00-{trace.hex()}-{b'12345678'.hex()}-01", seen[0][0])
        self.assertEqual(f"00-{trace.hex()}-{sent.head.span.hex()}-01", seen[0][1])
        self.bot.send("a/b", traceparent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-00")
        sent = self.runtime.expect(wire.MESSAGE)
        self.assertEqual((b"\xab" * 16, b"\xcd" * 8, 0), (sent.head.trace, sent.head.span,
                                                          sent.head.flags))
        for wrong in ("", "00-" + "0" * 32 + "-" + "1" * 16 + "-00", "ff-x"):
            with self.assertRaises(ValueError):
                troupe.trace.parse(wrong)


class Sending(BotCase):
    def test_send_and_wait(self):
        self.start()
        self.assertIsNone(self.bot.send("a/b", b"fire"))
        ticket = self.bot.send("a/b", "kept", delivery="assured", lane="urgent", key="k", ttl=1.5)
        sent = self.runtime.expect(wire.MESSAGE, lambda m: m.head.delivery == wire.ASSURED)
        self.assertEqual((0, 1, "k", b"kept"), (sent.head.lane, sent.head.sequence, sent.key,
                                               sent.payload))
        self.assertLess(0, sent.head.ttl)
        with self.assertRaises(troupe.TimedOut):
            ticket.wait(0.01)
        self.runtime.send(fake.outcome(1, 1, lane=0, text="a/b#0"))
        self.assertEqual("a/b#0", ticket.wait(20))

    def test_rejected(self):
        self.start()
        ticket = self.bot.send("a/b", delivery="durable")
        self.runtime.expect(wire.MESSAGE)
        self.runtime.send(fake.outcome(17, 1, text="may_send"))
        with self.assertRaises(troupe.Rejected) as caught:
            ticket.wait(20)
        self.assertEqual("not_permitted", caught.exception.reason)

    def test_then_may_send(self):
        def then(ticket):
            self.bot.send("a/b", ticket.outcome[1])

        self.start()
        self.bot.send("a/b", "x", delivery="assured").then(then)
        self.runtime.expect(wire.MESSAGE)
        self.runtime.send(fake.outcome(1, 1, text="a/b#0"))
        self.assertEqual(b"a/b#0", self.runtime.expect(wire.MESSAGE).payload)

    def test_then_does_not_miss_an_outcome_of_now(self):
        ticket = self.bot.send("a/b", delivery="assured")
        lock, told = self.bot._lock, []

        class Late:
            """The loop had the lock until now, and has resolved it."""

            def __enter__(self):
                lock.acquire()
                ticket.resolve("done")

            def __exit__(self, *_):
                lock.release()

        with unittest.mock.patch.object(self.bot, "_lock", Late()):
            ticket.then(told.append)
        self.bot._handle_events()
        self.assertEqual([ticket], told)

    def test_rejected_and_nobody_asks(self):
        told = []
        heard = threading.Event()
        self.bot.on_rejected(lambda text: (told.append(text), heard.set()))
        self.start()
        self.bot.send("a/b", delivery="assured")
        self.runtime.expect(wire.MESSAGE)
        self.runtime.send(fake.outcome(16, 1, text="no such bot"))
        self.assertTrue(heard.wait(20))
        self.assertIn("no_such_address: no such bot", told[0])

    def test_request(self):
        self.start()
        answers = []

        def ask():
            for payload in ("good", "bad", "nobody", "slow"):
                try:
                    answers.append(self.bot.request("a/b", payload, timeout=0.2
                                                    if payload == "slow" else 20))
                except troupe.Error as error:
                    answers.append(f"{type(error).__name__}: {error}")

        asking = threading.Thread(target=ask)
        asking.start()
        number = self.runtime.expect(wire.MESSAGE).head.request
        reply = dict(request=number, content=2, flags=wire.REPLY)
        self.runtime.send(message(1, b"[1]", **reply))
        reply["request"] = self.runtime.expect(wire.MESSAGE).head.request
        self.runtime.send(message(2, b"it broke", **{**reply, "content": 1,
                                                     "flags": wire.REPLY | wire.FAILED}))
        sent = self.runtime.expect(wire.MESSAGE)
        self.runtime.send(fake.outcome(25, sent.head.sequence, text="a/b#1"))
        asking.join(20)
        self.assertEqual([[1], "Failed: it broke", "Rejected: receiver_died: a/b#1",
                          "TimedOut: a/b has not replied within 0.2 s"], answers)

    def test_a_request_without_a_link_ends_at_its_deadline(self):
        self.bot.start() # nobody listens at that path
        self.addCleanup(self.end)
        with self.assertRaises(troupe.TimedOut):
            self.bot.request("a/b", timeout=0.05)
        self.assertFalse(self.bot._core.outbox._requests)

    def test_request_within_a_handler(self):
        @self.bot.on_request
        def on_request(m):
            return self.bot.request("a/b", "ask", timeout=20) + "!"

        self.start()
        self.runtime.send(message(1, request=7), message(2, request=8))
        for expected in (7, 8):
            asked = self.runtime.expect(wire.MESSAGE)
            self.assertEqual(b"ask", asked.payload)
            self.runtime.send(message(expected, b"yes", content=1, flags=wire.REPLY, lane=0,
                                      request=asked.head.request))
            answer = self.runtime.expect(wire.MESSAGE)
            self.assertEqual((b"yes!", expected), (answer.payload, answer.head.request))

    def test_waits_for_room_and_times_out(self):
        self.start(window={"messages": 1, "bytes": 1 << 20})
        for _ in range(1025):
            self.bot.send("a/b", timeout=20)
        self.runtime.expect(wire.MESSAGE)
        with self.assertRaisesRegex(troupe.TimedOut, "too much waits"):
            while True:
                self.bot.send("a/b", timeout=0.05)
        self.runtime.send(wire.json_frame(wire.ORDER, {"op": "pressure", "to": "x", "on": True}),
                          wire.frame(wire.PING, bytes(8)))
        self.runtime.expect(wire.PONG)
        with self.assertRaisesRegex(troupe.TimedOut, "under pressure"):
            self.bot.send("x", lane="urgent", timeout=0.05)
        self.runtime.send(wire.receipt_frame([0, 0, 1, 0]))
        self.bot.send("a/b", timeout=20)

    def test_a_flood_from_another_thread_arrives_in_order(self):
        self.start()
        flood = threading.Thread(target=lambda: [self.bot.send("a/b", str(n))
                                                 for n in range(5000)])
        flood.start()
        for n in range(5000):
            sent = self.runtime.expect(wire.MESSAGE)
            self.assertEqual((str(n).encode(), n + 1), (sent.payload, sent.head.sequence))
            if n % 256 == 255:
                self.runtime.send(wire.receipt_frame([0, 0, n + 1, 0]))
        flood.join()

    def test_no_wake_is_lost(self):
        """One that comes between the select and the read of the byte."""
        real = os.read

        def read(*words):
            self.bot._wake()
            return real(*words)

        self.bot._wake()
        with unittest.mock.patch("os.read", read):
            self.bot._turn(0.0)
        self.assertFalse(self.bot._woken)

    def test_nonsense(self):
        for wrong in ({"lane": "fast"}, {"delivery": "sure"}, {"key": "k" * 256}):
            with self.assertRaises(ValueError):
                self.bot.send("a/b", **wrong)
        with self.assertRaises(ValueError):
            self.bot.publish("a.b", delivery="assured")
        with self.assertRaises(ValueError):
            self.bot.send("a" * 256)
        with self.assertRaises(ValueError):
            self.bot.send("a/b", b"x" * (wire.MAX_PAYLOAD + 1))
        with self.assertRaises(TypeError):
            self.bot.send("a/b", {"no": object()})
        with self.assertRaises(ValueError):
            self.bot.subscribe("a..b", print)
        with self.assertRaisesRegex(troupe.Error, "run\\(\\) or start\\(\\)"):
            self.bot.request("a/b", "x")


class Life(BotCase):
    def test_goodbye(self):
        self.start()
        self.bot.send("a/b", "last words")
        self.bot.stop()
        self.assertEqual(b"last words", self.runtime.expect(wire.MESSAGE).payload)
        self.runtime.send(wire.receipt_frame([0, 0, 1, 0]))
        self.assertEqual("done", self.runtime.expect(wire.BYE)["reason"])
        self.runtime.ended()

    def test_outcomes_of_last_words_are_told(self):
        told = []
        self.start()
        for _ in range(2):
            self.bot.send("a/b", delivery="assured").then(lambda t: told.append(t.outcome[0]))
        self.runtime.expect(wire.MESSAGE)
        with unittest.mock.patch("troupe.loop.FLUSH_S", 0.1):
            self.bot.stop()
            self.runtime.send(fake.outcome(1, 1))
            self.runtime.expect(wire.BYE)
        self.bot.close()
        self.assertEqual(["done", "not_linked"], told)

    def test_last_words_wait_for_the_link(self):
        self.bot.attach(self.runtime.bots)
        self.bot.start()
        self.bot.send("a/b", "last words")
        self.bot.stop()
        self.runtime.greet()
        self.assertEqual(b"last words", self.runtime.expect(wire.MESSAGE).payload)
        self.runtime.send(wire.receipt_frame([0, 0, 1, 0]))
        self.assertEqual("done", self.runtime.expect(wire.BYE)["reason"])
        self.bot.close()

    def test_a_new_runtime(self):
        """Over a real socket that is listened on: the bot comes again, and sends again."""
        import socket
        import tempfile
        directory = tempfile.TemporaryDirectory(prefix="troupe-py-")
        self.addCleanup(directory.cleanup)
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(f"{directory.name}/link.sock")
        listener.listen()
        listener.settimeout(20)
        links = []
        self.bot = troupe.Bot(environment={**fake.ENVIRONMENT,
                                           "TROUPE_LINK": f"{directory.name}/link.sock"})
        self.bot.on_link(links.append)
        self.bot.start()
        self.addCleanup(self.end)

        def accept():
            self.runtime.socket.close()
            self.runtime.socket, _ = listener.accept()
            self.runtime.socket.settimeout(20)
            self.runtime._rest = b""
            self.runtime._frames.clear()
            return self.runtime.greet()

        accept()
        ticket = self.bot.send("a/b", "kept", delivery="assured")
        self.runtime.expect(wire.MESSAGE)
        hello = accept()
        self.assertEqual([1, 1, 2, 1], hello["next"])
        self.assertTrue(self.runtime.expect(wire.MESSAGE).head.flags & wire.AGAIN)
        self.runtime.send(fake.outcome(1, 1, text="a/b#0"))
        self.assertEqual("a/b#0", ticket.wait(20))
        self.assertEqual([True, False, True], links)

    def test_drain_flatten_config(self):
        called = []
        self.bot.on_drain(lambda: called.append("drain"))
        self.bot.on_config(lambda settings: called.append(settings))

        @self.bot.on_flatten
        def flatten():
            raise RuntimeError("an order is stuck")

        @self.bot.on_message
        def on_message(m):
            called.append(m.payload)

        with contextlib.redirect_stderr(io.StringIO()):
            hello = self.start()
            self.assertEqual(["config", "drain", "flatten"], hello["handles"])
            self.runtime.expect(wire.TELL)
            self.runtime.send(
                message(1, b"first"),
                wire.json_frame(wire.ORDER, {"op": "config", "version": 8,
                                             "settings": {"a": 1}, "labels": {}}),
                wire.json_frame(wire.ORDER, {"op": "drain", "within_s": 20}),
                wire.json_frame(wire.ORDER, {"op": "flatten", "within_s": 20}))
            answers = {a["op"]: a for a in (self.runtime.expect(wire.TELL),
                                            self.runtime.expect(wire.TELL))}
        self.assertTrue(answers["drained"]["ok"])
        self.assertEqual((False, "an order is stuck"), (answers["flattened"]["ok"],
                                                        answers["flattened"]["text"]))
        self.assertEqual([{"a": 1}, b"first", "drain"], called)
        self.assertEqual({"a": 1}, self.bot.settings)

    def test_timers(self):
        ticks = []
        enough = threading.Event()

        @self.bot.every(0.005)
        def tick():
            ticks.append(1)
            if len(ticks) == 1:
                raise ValueError("the first one fails")
            if len(ticks) == 4:
                enough.set()

        with contextlib.redirect_stderr(io.StringIO()):
            self.start()
            self.assertTrue(enough.wait(20))

    def test_alone(self):
        bot = troupe.Bot(environment={})
        self.assertFalse(bot.managed)
        self.assertIsNone(bot.send("a/b", "to nobody"))
        ticket = bot.send("a/b", delivery="assured")
        with self.assertRaisesRegex(troupe.Rejected, "TROUPE_LINK is not set"):
            ticket.wait()
        with self.assertRaisesRegex(troupe.Rejected, "TROUPE_LINK is not set"):
            bot.request("a/b")
        with self.assertRaises(troupe.Rejected):
            bot.state.get("x")
        bot.status("fine")
        bot.every(0.001)(bot.stop)
        bot.run()

    def test_environment_that_is_wrong(self):
        for name, value in (("TROUPE_INCARNATION", "x"), ("TROUPE_BOT", None)):
            environment = {**fake.ENVIRONMENT, name: value}
            if value is None:
                del environment[name]
            with self.assertRaises(troupe.Error):
                troupe.Bot(environment=environment)

    def program(self, text):
        """A bot as a program of its own, linked to this runtime's socket."""
        head = ("import sys, troupe, socket\n"
                f"bot = troupe.Bot(environment={fake.ENVIRONMENT!r})\n"
                "bot.attach(socket.socket(fileno=int(sys.argv[1])))\n")
        process = subprocess.Popen(
            [sys.executable, "-B", "-c", head + text, str(self.runtime.bots.fileno())],
            pass_fds=[self.runtime.bots.fileno()], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(fake.ROOT / "clients/python")})
        self.runtime.bots.close()
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def test_sigterm_ends_run(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.runtime = FakeRuntime()
            self.addCleanup(self.runtime.close)
            process = self.program("bot.run()\nprint('clean')\n")
            self.runtime.greet()
            self.runtime.expect(wire.TELL)
            process.send_signal(number)
            self.assertEqual("done", self.runtime.expect(wire.BYE)["reason"])
            self.assertEqual("clean\n", process.communicate(timeout=20)[0])
            self.assertEqual(0, process.returncode)

    def test_sigterm_lets_a_handler_end(self):
        process = self.program(
            "import time, os\n"
            "@bot.on_request\n"
            "def slow(m):\n"
            "    print('begun', flush=True)\n"
            "    end = time.monotonic() + 0.3\n"
            "    while time.monotonic() < end: time.sleep(0.01)\n"
            "    return 'done'\n"
            "bot.run()\n")
        self.runtime.greet()
        self.runtime.send(message(1, request=1))
        process.stdout.readline()
        process.terminate()
        self.assertEqual(b"done", self.runtime.expect(wire.MESSAGE).payload)
        self.runtime.send(wire.receipt_frame([0, 0, 1, 0]))
        self.runtime.expect(wire.BYE)
        self.assertEqual(0, process.wait(20))


class SharedState(BotCase):
    def answer(self, op, body, failed=False):
        """Answers the next request, which has to be of that operation."""
        sent = self.runtime.expect(wire.MESSAGE)
        asked = json.loads(sent.payload)
        self.assertEqual(("runtime/state", op), (sent.to, asked.pop("op")))
        data = json.dumps(body).encode()
        self.runtime.send(message(sent.head.sequence, data, content=2, sender="runtime/state",
                                  request=sent.head.request,
                                  flags=wire.REPLY | (wire.FAILED if failed else 0)))
        return asked

    def test_operations(self):
        self.start()
        results = []
        state = self.bot.state

        def work():
            results.append(state.get("a", 5))
            results.append(state.entry("a", group="web").version)
            results.append(state.set("a", None, ttl=2.5, durable=True))
            results.append(state.delete("a", if_version=3))
            results.append([e.key for e in state.list("a")])
            try:
                state.set("a", 1, if_version=4)
            except troupe.Conflict as conflict:
                results.append((conflict.version, conflict.value))
            results.append(state.update("n", lambda n: (n or 0) + 1))
            try:
                state.set("", 1)
            except troupe.StateError as error:
                results.append(error.code)

        worker = threading.Thread(target=work)
        worker.start()
        self.assertEqual({"key": "a"}, self.answer("get", {"key": "a", "value": None,
                                                           "version": 0}))
        self.assertEqual({"key": "a", "group": "web"},
                         self.answer("get", {"key": "a", "value": 1, "version": 9}))
        self.assertEqual({"key": "a", "value": None, "ttl": 2.5, "durable": True},
                         self.answer("set", {"version": 3}))
        self.assertEqual({"key": "a", "if_version": 3},
                         self.answer("delete", {"deleted": True, "version": 4}))
        entry = {"key": "a1", "value": 1, "version": 5}
        self.assertEqual({"prefix": "a", "limit": 1000},
                         self.answer("list", {"entries": [entry], "more": True, "version": 6}))
        self.assertEqual({"prefix": "a", "limit": 1000, "after": "a1"},
                         self.answer("list", {"entries": [{**entry, "key": "a2"}], "more": False,
                                              "version": 6}))
        conflict = {"error": {"code": "conflict", "text": "no", "version": 5, "value": 7}}
        self.answer("set", conflict, failed=True)
        self.answer("get", {"key": "n", "value": None, "version": 0})
        self.assertEqual({"key": "n", "value": 1, "if_version": 0},
                         self.answer("set", conflict, failed=True))
        self.assertEqual({"key": "n", "value": 8, "if_version": 5},
                         self.answer("set", {"version": 8}))
        self.answer("set", {"error": {"code": "bad_request", "text": "key"}}, failed=True)
        worker.join(20)
        self.assertEqual([5, 9, 3, True, ["a1", "a2"], (5, 7), 8, "bad_request"], results)

    def test_watch(self):
        changes = []
        last = threading.Event()

        def on_change(change):
            changes.append((change.key, change.value, change.deleted))
            if change.key == "limit.last":
                last.set()

        self.bot.state.watch("limit.", on_change)
        self.start()
        entries = [{"key": "limit.a", "value": 1, "version": 5},
                   {"key": "limit.b", "value": 2, "version": 6}]
        self.assertEqual({"prefix": "limit.", "limit": 1000},
                         self.answer("watch", {"entries": entries, "more": False, "version": 6}))

        def change(number, key, version, group="market", **what):
            body = {"group": group, "key": key, "version": version, **what}
            return message(number, json.dumps(body).encode(), content=2,
                           sender="runtime/state", to="topic:runtime.state")

        self.runtime.send(change(1, "limit.a", 5, value=1), # known already
                          change(2, "limit.a", 7, value=3),
                          change(3, "limit.b", 8, deleted=True),
                          change(4, "limit.x", 9, group="web", value=3),
                          change(5, "other", 10, value=1),
                          change(6, "limit.last", 11, value=True))
        self.assertTrue(last.wait(20))
        self.assertEqual([("limit.a", 1, False), ("limit.b", 2, False), ("limit.a", 3, False),
                          ("limit.b", None, True), ("limit.last", True, False)], changes)


if __name__ == "__main__":
    unittest.main()
