"""The asyncio front against a runtime that does what the test says."""

import asyncio
import contextlib
import io
import json
import unittest
import unittest.mock

import fake_runtime as fake
from fake_runtime import FakeRuntime, message
import troupe
from troupe import aio, wire


class AioCase(unittest.IsolatedAsyncioTestCase):
    """The runtime is read in other threads: `expect` is awaited."""

    async def asyncSetUp(self):
        self.runtime = FakeRuntime()
        self.addCleanup(self.runtime.close)
        self.bot = aio.Bot(environment=fake.ENVIRONMENT)

    async def start(self, **welcome):
        await self.bot.attach(self.runtime.bots)
        self.bot.start()
        self.addAsyncCleanup(self.end)
        return await self.aside(self.runtime.greet, **welcome)

    async def end(self):
        self.bot.stop()
        self.runtime.hang_up()
        await self.bot.close()

    @staticmethod
    async def aside(function, *words, **more):
        return await asyncio.get_running_loop().run_in_executor(
            None, lambda: function(*words, **more))

    async def expect(self, *words):
        return await self.aside(self.runtime.expect, *words)

    async def test_handlers(self):
        got = []

        @self.bot.on_message
        async def on_message(m):
            await asyncio.sleep(0)
            got.append(m.payload)

        @self.bot.on_request
        async def on_request(m):
            return await self.bot.request("a/b", "ask") + "!"

        self.bot.subscribe("ticks.>", lambda m: got.append(m.topic))
        await self.start()
        self.assertEqual("subscribe", (await self.expect(wire.CALL))["op"])
        self.runtime.send(message(1, b"one", delivery=1, tag=1), message(2, b"two"),
                          message(3, to="topic:ticks.a.b"), message(4, request=7))
        asked = await self.expect(wire.MESSAGE)
        self.runtime.send(message(5, b"yes", content=1, flags=wire.REPLY,
                                  request=asked.head.request))
        reply = await self.expect(wire.MESSAGE)
        self.assertEqual((b"yes!", 7), (reply.payload, reply.head.request))
        self.assertEqual([(1, 0)], await self.expect(wire.DONE))
        self.assertEqual([b"one", b"two", "ticks.a.b"], got)

    async def test_many_at_a_time(self):
        self.bot = aio.Bot(environment=fake.ENVIRONMENT, concurrency=3)
        begun, go = [], asyncio.Event()

        @self.bot.on_request
        async def on_request(m):
            begun.append(m.payload)
            await go.wait()

        await self.start()
        self.runtime.send(*(message(n, request=n) for n in range(1, 6)),
                          wire.frame(wire.PING, bytes(8)))
        await self.expect(wire.PONG)
        self.assertEqual(3, len(begun))
        go.set()
        for _ in range(5):
            await self.expect(wire.MESSAGE)

    async def test_failures(self):
        @self.bot.on_request
        async def on_request(m):
            raise ValueError("bad")

        with contextlib.redirect_stderr(io.StringIO()) as said:
            await self.start()
            self.runtime.send(message(1, request=1, delivery=1, tag=3))
            reply = await self.expect(wire.MESSAGE)
            self.assertEqual([(3, wire.DONE_DONE)], await self.expect(wire.DONE))
        self.assertEqual(b"ValueError: bad", reply.payload)
        self.assertIn("Traceback", said.getvalue())

    async def test_outcomes(self):
        await self.start()
        sent = await self.bot.send("a/b", "x", delivery="assured")
        await self.expect(wire.MESSAGE)
        with self.assertRaises(troupe.TimedOut):
            await sent.wait(0.01)
        self.runtime.send(fake.outcome(1, 1, text="a/b#0"))
        self.assertEqual("a/b#0", await sent)
        sent = await self.bot.publish("a.b", {"x": 1}, delivery="durable", lane="high")
        await self.expect(wire.MESSAGE)
        self.runtime.send(fake.outcome(24, 1, lane=1))
        with self.assertRaises(troupe.Rejected):
            await sent

    async def test_then_is_a_handler(self):
        told = asyncio.Queue()

        def bad(sent):
            raise ValueError("a callback that fails")

        async def good(sent):
            await asyncio.sleep(0)
            await told.put(sent.outcome)

        with contextlib.redirect_stderr(io.StringIO()) as said:
            await self.start()
            for callback in (bad, good):
                (await self.bot.send("a/b", delivery="assured")).then(callback)
                await self.expect(wire.MESSAGE)
            self.runtime.send(fake.outcome(1, 1), fake.outcome(1, 2, text="a/b#0"))
            self.assertEqual(("done", "a/b#0"), await asyncio.wait_for(told.get(), 20))
        self.assertTrue(self.bot.linked)
        self.assertIn("a callback that fails", said.getvalue())
        # What the end of the link ends is told, too, and what is known already.
        last = await self.bot.send("a/b", delivery="assured")
        last.then(good)
        with unittest.mock.patch("troupe.aio_loop.FLUSH_S", 0.5):
            await self.end()
        self.assertEqual("not_linked", told.get_nowait()[0])
        last.then(good)
        self.assertEqual("not_linked", (await asyncio.wait_for(told.get(), 20))[0])

    async def test_requests_fail(self):
        await self.start()
        asking = asyncio.ensure_future(self.bot.request("a/b", "x"))
        await self.expect(wire.MESSAGE)
        self.runtime.send(fake.outcome(19, 1))
        with self.assertRaisesRegex(troupe.Rejected, "not_running"):
            await asking
        with self.assertRaises(troupe.TimedOut):
            await self.bot.request("a/b", "x", timeout=0.05)

    async def test_a_flood_waits_for_receipts(self):
        await self.start(window={"messages": 100, "bytes": 1 << 20})

        def take():
            for n in range(3000):
                sent = self.runtime.expect(wire.MESSAGE)
                self.assertEqual(str(n).encode(), sent.payload)
                self.runtime.send(wire.receipt_frame([0, 0, n + 1, 0]))

        await asyncio.gather(self.flood(3000), self.aside(take))
        self.assertTrue(await self.bot.flush(20))

    async def test_a_flood_before_the_link(self):
        self.bot.start()
        flood = asyncio.ensure_future(self.flood(2000))
        await asyncio.sleep(0)
        await self.start()
        for n in range(2000):
            self.assertEqual(n + 1, (await self.expect(wire.MESSAGE)).head.sequence)
        await flood

    async def flood(self, count):
        for n in range(count):
            await self.bot.send("a/b", str(n))

    async def test_large_ones_both_ways(self):
        @self.bot.on_request
        def echo(m):
            return m.payload

        await self.start()
        payload = b"p" * wire.MAX_PAYLOAD
        await self.aside(self.runtime.send, message(1, payload, request=1))
        self.assertEqual(payload, (await self.expect(wire.MESSAGE)).payload)

    async def test_drain(self):
        called = []

        @self.bot.on_drain
        async def drain():
            called.append("drain")

        await self.start()
        await self.expect(wire.TELL)
        self.runtime.send(wire.json_frame(wire.ORDER, {"op": "drain", "within_s": 20}))
        answer = await self.expect(wire.TELL)
        self.assertEqual(("drained", True, ["drain"]), (answer["op"], answer["ok"], called))

    async def test_timers_and_goodbye(self):
        ticked = asyncio.Event()

        @self.bot.every(0.001)
        async def tick():
            ticked.set()

        await self.start()
        await asyncio.wait_for(ticked.wait(), 20)
        self.bot.stop()
        self.assertEqual("done", (await self.expect(wire.BYE))["reason"])

    async def test_last_words_wait_for_the_link(self):
        await self.bot.attach(self.runtime.bots)
        self.bot.start()
        await self.bot.send("a/b", "last words")
        self.bot.stop()
        await self.aside(self.runtime.greet)
        self.assertEqual(b"last words", (await self.expect(wire.MESSAGE)).payload)
        self.runtime.send(wire.receipt_frame([0, 0, 1, 0]))
        self.assertEqual("done", (await self.expect(wire.BYE))["reason"])
        await self.bot.close()

    async def test_the_link_is_lost(self):
        links = []
        self.bot.on_link(links.append)
        await self.start()
        self.runtime.hang_up()
        while links != [True, False]:
            await asyncio.sleep(0.01)
        self.assertFalse(self.bot.linked)

    async def test_alone(self):
        bot = aio.Bot(environment={})
        self.assertIsNone(await bot.send("a/b"))
        with self.assertRaises(troupe.Rejected):
            await bot.request("a/b")
        with self.assertRaises(troupe.Rejected):
            await bot.state.get("x")
        bot.every(0.001)(bot.stop)
        await bot.run()

    async def answer(self, doing, body, failed=False):
        """Answers what it asks next; returns that."""
        doing = asyncio.ensure_future(doing) if asyncio.iscoroutine(doing) else doing
        asked = await self.expect(wire.MESSAGE)
        self.assertEqual("runtime/state", asked.to)
        self.runtime.send(message(asked.head.sequence, json.dumps(body).encode(), content=2,
                                  flags=wire.REPLY | (wire.FAILED if failed else 0),
                                  request=asked.head.request))
        return doing, json.loads(asked.payload)

    async def test_state(self):
        await self.start()
        doing, asked = await self.answer(self.bot.state.get("a"),
                                         {"key": "a", "value": [1], "version": 3})
        self.assertEqual(({"op": "get", "key": "a"}, [1]), (asked, await doing))

        doing, _ = await self.answer(self.bot.state.update("n", lambda n: (n or 0) + 1),
                                     {"key": "n", "value": None, "version": 0})
        await self.answer(doing, {"error": {"code": "conflict", "version": 5, "value": 7}}, True)
        doing, asked = await self.answer(doing, {"version": 8})
        self.assertEqual((8, 5, 8), (asked["value"], asked["if_version"], await doing))

        entry = {"value": 1, "version": 5}
        doing, _ = await self.answer(self.bot.state.list("a"), {
            "entries": [{**entry, "key": "a1"}], "more": True, "version": 6})
        doing, asked = await self.answer(doing, {
            "entries": [{**entry, "key": "a2"}], "more": False, "version": 6})
        self.assertEqual(("a1", ["a1", "a2"]), (asked["after"], [e.key for e in await doing]))

        doing, _ = await self.answer(self.bot.state.set("", 1), {
            "error": {"code": "bad_request"}}, True)
        with self.assertRaises(troupe.StateError):
            await doing

    async def test_watch(self):
        changes = asyncio.Queue()
        self.bot.state.watch("a", changes.put)
        await self.start()
        entry = {"key": "a1", "value": 1, "version": 5}
        _, asked = await self.answer(None, {"entries": [entry], "more": False, "version": 6})
        self.assertEqual("watch", asked["op"])
        self.assertEqual("a1", (await asyncio.wait_for(changes.get(), 20)).key)
        self.runtime.send(message(9, json.dumps({"group": "market", "key": "a2", "version": 7,
                                                 "value": 2}).encode(), content=2,
                                  sender="runtime/state", to="topic:runtime.state"))
        self.assertEqual(2, (await asyncio.wait_for(changes.get(), 20)).value)


if __name__ == "__main__":
    unittest.main()
