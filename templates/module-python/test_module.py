"""What this module does, with machines of its own: python3 -m unittest"""

import http.server
import json
import os
import tempfile
import threading
import unittest

from fake_host import Host, codes, observed
from module import Module

HERE = os.path.dirname(os.path.abspath(__file__))
ON = {"/physState": "POWER_ON"}
OFF = {"/physState": "POWER_OFF"}


class Simulated(unittest.TestCase):
    def test_machines_keep_their_power(self):
        with tempfile.TemporaryDirectory() as folder:
            host = Host(Module, {"folder": folder})
            on = host.step("mutation", "powerOn", ["n1", "n2"])
            self.assertEqual((observed(on), codes(on)), ({"n1": ON, "n2": ON}, {}))
            host.step("mutation", "powerOff", ["n2"])

            again = Host(Module, {"folder": folder})
            self.assertEqual(observed(again.step("poller", "power", ["n1", "n2", "n3"])), {"n1": ON, "n2": OFF, "n3": OFF})

            # Somebody pulls the plug: the next look sees it.
            with open(os.path.join(folder, "kn1.txt"), "w", encoding="utf-8") as file:
                file.write("off\n")
            self.assertEqual(observed(again.step("poller", "power", ["n1"])), {"n1": OFF})


class OverHttp(unittest.TestCase):
    def test_it_switches_and_tells_apart_what_can_go_wrong(self):
        power = {"kn1": "off"}

        class Device(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path[1:]
                if self.headers["Authorization"] != "Bearer sesame":
                    return self.say(401, "who are you?")
                if name not in power:
                    return self.say(404, "no such machine")
                if self.command == "PUT":
                    power[name] = self.rfile.read(int(self.headers["Content-Length"])).decode()
                return self.say(200, power[name])

            do_PUT = do_GET

            def say(self, status, text):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        device = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Device)
        threading.Thread(target=device.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{device.server_address[1]}/"

        host = Host(Module, {"url": url, "token": "sesame"})
        on = host.step("mutation", "powerOn", ["n1", "n2"])
        self.assertEqual((observed(on), codes(on), power["kn1"]), ({"n1": ON}, {"n2": -32006}, "on"))

        stranger = Host(Module, {"url": url, "token": "guess"})
        self.assertEqual(codes(stranger.step("poller", "power", ["n1"])), {"n1": -32003})
        self.assertNotIn("guess", "".join(stranger.said))

        # Not being able to ask is not a state: a silent machine is not off.
        device.shutdown()
        device.server_close()
        silent = host.step("poller", "power", ["n1"])
        self.assertEqual((observed(silent), codes(silent)), ({}, {"n1": -32001}))


class Package(unittest.TestCase):
    def test_the_version_is_that_of_the_package(self):
        with open(os.path.join(HERE, "module.json"), encoding="utf-8") as file:
            self.assertEqual(Module.version, json.load(file)["version"])
