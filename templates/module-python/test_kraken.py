"""The protocol, with a module that knows no hardware: python3 -m unittest"""

import io
import json
import os
import subprocess
import sys
import time
import unittest

import kraken
from fake_host import Host, codes, initialize, observed

HERE = os.path.dirname(os.path.abspath(__file__))
ON = {"/physState": "POWER_ON"}


def power_on(task):
    task.given_up.wait(0.03)
    return ON


def leak(task):
    task.log("info", f"the token is {task.config.get('token')}")
    raise ValueError(f"{task.config.get('token')} of size {task.config['size']}")


class Toy:
    version = "1.0.0"
    declaration = {
        "config": {
            "size": {"type": "integer", "minimum": 1, "default": 3},
            "token": {"type": "string", "minLength": 4, "x-secret": True, "x-optional": True},
            "url": {"type": "string", "format": "uri", "x-optional": True},
        },
        "mutations": {"powerOn": {"mutates": {"/physState": ["POWER_OFF", "POWER_ON"]}, "timeout": "60s"}},
        "pollers": {"leak": {"discovers": ["/physState"], "every": "5s"}},
    }
    mutations = {"powerOn": power_on}
    pollers = {"leak": leak}


# A module that prints, and starts a program that prints.
PRINTS = """
import os, kraken

def poll(task):
    print("hello")
    os.system("echo there")
    return {}

class Module:
    version, declaration, mutations = "1.0.0", {}, {}
    pollers = {"poll": poll}

kraken.serve(Module)
"""


class Protocol(unittest.TestCase):
    def test_it_declares_itself_and_answers_for_every_node(self):
        host = Host(Toy, {})
        capabilities = ["config", "mutations", "pollers"]
        name = {"name": "test", "version": "1.0.0"}
        self.assertEqual(host.opened, {"protocol": 1, "module": name, "capabilities": capabilities, "declaration": Toy.declaration})
        ids = [f"n{number}" for number in range(100)]
        answer = host.step("mutation", "powerOn", ids)
        self.assertEqual((observed(answer), codes(answer)), ({one: ON for one in ids}, {}))
        self.assertEqual({one["asOf"] for one in answer["result"]["observed"]}, {7})

    def test_it_refuses_what_it_must_refuse(self):
        other = Host(Toy).ask("initialize", initialize({}, [9]))["error"]
        self.assertEqual((other["code"], other["data"]), (-32020, {"offered": [9], "supported": [1]}))
        self.assertEqual(Host(Toy).ask("no/such/method", {})["error"]["code"], -32601)
        self.assertEqual(Host(Toy).ask("mutation/run", {"nodes": "all of them"})["error"]["code"], -32602)
        self.assertEqual(Host(Toy).step("mutation", "powerOn", ["n1"])["error"]["code"], -32019)

        config = {"size": 0, "colour": "blue", "token": "abc", "url": "nowhere"}
        refused = Host(Toy).ask("initialize", initialize(config))["error"]
        self.assertEqual(refused["code"], -32602)
        self.assertEqual(
            refused["data"]["why"],
            "/colour is not known (known: size, token, url); /size must be at least 1; /token must have at least 4 characters; "
            "/url must be a URI",
        )

        host = Host(Toy, {})
        self.assertEqual(host.step("mutation", "powerUp", ["n1"])["error"]["code"], -32018)
        host.tell("$/noSuchNotification", {"it": "is dropped"})
        self.assertEqual(host.ask("ping", {})["result"], {})
        self.assertEqual(host.ask("shutdown", {"reason": "test", "grace": 1000})["result"], {})
        self.assertEqual(host.step("mutation", "powerOn", ["n1"])["error"]["code"], -32019)

    def test_a_new_config_is_taken_or_the_old_one_stays(self):
        host = Host(Toy, {})

        def size():
            return host.step("poller", "leak", ["n1"])["result"]["failed"][0]["error"]["message"]

        self.assertEqual(host.ask("config/update", {"config": {"size": 5}})["result"], {})
        self.assertIn("of size 5", size())
        self.assertEqual(host.ask("config/update", {"config": {"size": True}})["error"]["code"], -32602)
        self.assertIn("of size 5", size())

    def test_a_secret_is_in_nothing_that_it_says(self):
        host = Host(Toy, {"token": "sesame"})
        host.step("poller", "leak", ["n1"])
        host.ask("config/update", {"config": {"token": "sesame", "size": "sesame"}})
        said = "\n".join(host.said)
        self.assertIn("the token is ***", said)
        self.assertNotIn("sesame", said)

    def test_a_step_that_is_late_or_cancelled_is_answered_all_the_same(self):
        host = Host(Toy, {})
        self.assertEqual(codes(host.step("mutation", "powerOn", ["n1"], within=-1)), {"n1": -32022})
        self.assertEqual(codes(host.step("mutation", "powerOn", ["n1"], within=0.005)), {"n1": -32022})
        self.assertEqual(host.step("mutation", "powerOn", ["n1"], cancel={})["error"]["code"], -32021)
        one = host.step("mutation", "powerOn", ["n1", "n2"], cancel={"nodes": ["n2"]})
        self.assertEqual((observed(one), codes(one)), ({"n1": ON}, {"n2": -32021}))

    def test_lines_that_cannot_be_read_are_left_out(self):
        lines, faults = [], []
        stream = io.BytesIO(b"one\n\n" + b"x" * (kraken.LINE_LIMIT * 2) + b"\nlast\nhalf")
        kraken.read_lines(stream, lines.append, faults.append)
        self.assertEqual((lines, len(faults)), ([b"one\n", b"last\n"], 1))
        host = Host(Toy, {})
        for line in (b"\xff\n", b"[" * 100_000, b"[]", b"5"):
            host._session.receive(line)
        self.assertEqual(host.ask("ping", {})["result"], {})

    def test_as_a_process_it_keeps_stdout_for_the_protocol_and_is_gone_when_its_input_ends(self):
        poll = {"poller": "poll", "deadline": time.time() * 1000 + 5000, "nodes": [{"id": "ü", "cfg": {}, "dsc": {}, "revision": 7}]}
        said = [("initialize", initialize({}), 1), ("initialized", {}, None), ("poller/run", poll, 2)]
        messages = [{"jsonrpc": "2.0", "method": method, "params": params, **({"id": one} if one else {})} for method, params, one in said]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # Whatever the locale is.
        env = {**os.environ, "LC_ALL": "C"}
        child = subprocess.Popen([sys.executable, "-B", "-c", PRINTS], cwd=HERE, env=env, **pipes)
        child.stdin.write("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in messages).encode())
        child.stdin.flush()
        answers = [json.loads(child.stdout.readline()) for _ in range(2)]
        rest, printed = child.communicate(timeout=10)
        self.assertEqual(answers[1]["result"]["observed"][0]["node"], "ü")
        self.assertEqual((rest, printed.split(), child.returncode), (b"", [b"hello", b"there"], 0))
