"""For the tests: a module in memory, and a host that asks it one thing after the other."""

import json
import queue
import time

import kraken


def initialize(config, protocols=(1,)):
    """The params of "initialize"."""
    names = {"host": {"name": "test", "version": "0"}, "node": "self", "service": "test", "module": "test"}
    return {"protocols": list(protocols), **names, "config": config, "capabilities": [], "now": time.time() * 1000}


class Host:
    def __init__(self, module, config=None):
        # Every line that the module sent or logged.
        self.said = []
        self._answers = queue.Queue()
        self._last = 0
        self._session = kraken.Session(module, self._heard, self.said.append, lambda: None)
        if config is not None:
            self.opened = self.ask("initialize", initialize(config))["result"]
            self.tell("initialized")

    def ask(self, method, params, cancel=None):
        """cancel: params of a $/cancel that follows at once."""
        self._last += 1
        self._session.receive(json.dumps({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}).encode())
        if cancel is not None:
            self.tell("$/cancel", {"id": self._last, **cancel})
        return self._answers.get(timeout=5)

    def tell(self, method, params=None):
        self._session.receive(json.dumps({"jsonrpc": "2.0", "method": method, "params": params or {}}).encode())

    def step(self, kind, name, ids, within=5.0, cancel=None):
        """A "mutation" or a "poller" for some nodes; the name of node n1 is kn1."""
        nodes = [{"id": one, "cfg": {"/nodename": "k" + one}, "dsc": {}, "revision": 7} for one in ids]
        return self.ask(f"{kind}/run", {kind: name, "deadline": (time.time() + within) * 1000, "nodes": nodes}, cancel)

    def _heard(self, line):
        self.said.append(line.decode())
        message = json.loads(line)
        if "id" in message:
            self._answers.put(message)


def observed(answer):
    """Values by node, whatever the order."""
    return {one["node"]: one["values"] for one in answer["result"]["observed"]}


def codes(answer):
    """Codes of errors by node."""
    return {one["node"]: one["error"]["code"] for one in answer["result"]["failed"]}
