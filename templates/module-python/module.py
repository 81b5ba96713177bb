#!/usr/bin/env python3
"""What this module is: what it declares, and what it does."""

import os
import urllib.error
import urllib.parse
import urllib.request
import uuid

import kraken
from kraken import Failure

VERSION = "0.1.0"

DECLARATION = {
    # What whoever installs this module may set. Without any of it, the machines are simulated.
    "config": {
        "url": {
            "type": "string",
            "format": "uri",
            "x-optional": True,
            "description": "Where the machines are switched; without it they are simulated.",
        },
        "token": {"type": "string", "minLength": 1, "x-secret": True, "x-optional": True, "description": "Sent to the URL as a bearer token."},
        "folder": {
            "type": "string",
            "minLength": 1,
            "default": "machines",
            "description": "The simulated machines, in the service's own folder.",
        },
    },
    # Which nodes are meant, and what is looked at of them beyond the paths below.
    "requires": {"/platform": "@@module@@"},
    "reads": ["/nodename"],
    "mutations": {
        "powerOn": {"mutates": {"/physState": ["POWER_OFF", "POWER_ON"]}, "timeout": "60s"},
        # Disruptive: it may kill what runs on the node. Kraken takes this step only where somebody wants it.
        "powerOff": {"mutates": {"/physState": ["POWER_ON", "POWER_OFF"]}, "timeout": "60s", "disruptive": True},
    },
    # There is no timer in a module: Kraken asks.
    "pollers": {"power": {"discovers": ["/physState"], "every": "5s"}},
}


# Each handler returns what it then sees of the node, by path: seen, never assumed. An exception is a failed attempt; a Failure says more.


def power_on(task):
    return seen(machines_of(task).switch(task, "on"))


def power_off(task):
    return seen(machines_of(task).switch(task, "off"))


def look(task):
    return seen(machines_of(task).look(task))


def seen(power):
    return {"/physState": "POWER_ON" if power == "on" else "POWER_OFF"}


def machines_of(task):
    """The real machines where there is a URL, else simulated ones."""
    config = task.config
    return HttpMachines(config["url"], config.get("token")) if "url" in config else SimulatedMachines(config["folder"])


class HttpMachines:
    """GET URL/NAME answers "on" or "off"; PUT URL/NAME with one of these switches, and answers in the same way."""

    def __init__(self, url, token):
        self._url = url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def look(self, task):
        return self._ask(task, "GET", None)

    def switch(self, task, wanted):
        return self._ask(task, "PUT", wanted.encode())

    def _ask(self, task, method, body):
        where = f"{self._url}/{urllib.parse.quote(task.name, safe='')}"
        request = urllib.request.Request(where, data=body, headers=self._headers, method=method)
        try:
            # A handler that waits longer than this would be given up anyway.
            with urllib.request.urlopen(request, timeout=max(0.1, task.left())) as reply:
                status, text = reply.status, reply.read(200).decode("utf-8", "replace").strip()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read(200).decode("utf-8", "replace").strip()
        except OSError as error:
            # Nobody answers: that says nothing about the machine, and nothing has failed.
            raise Failure("NodeUnreachable", f"{where} does not answer: {getattr(error, 'reason', error)}") from error
        if status == 200 and text in ("on", "off"):
            return text
        said = f"{where} answered {status} {text}".strip()
        if status in (401, 403):
            raise Failure("LoginRefused", f'{said}. Correct "token" in the config of this service')
        if status == 404:
            raise Failure("Terminal", f"{said}. It knows no machine {task.name}: correct the name of this node")
        if status in (429, 503):
            raise Failure("DeviceBusy", said)
        raise Failure("StepFailed", said)


class SimulatedMachines:
    """Every machine is a file, NAME.txt, which says "on" or "off".

    It keeps its power when this module is started again, and writing into the file is pulling the plug.
    """

    # So long a machine takes to switch, in seconds.
    SWITCHING = 0.1

    def __init__(self, folder):
        self._folder = folder

    def look(self, task):
        try:
            with open(self._file(task), encoding="utf-8") as file:
                return "on" if file.read().strip() == "on" else "off"
        except FileNotFoundError:
            return "off"

    def switch(self, task, wanted):
        if task.given_up.wait(self.SWITCHING):
            raise Failure("Cancelled", "given up before it had switched")
        os.makedirs(self._folder, exist_ok=True)
        # Written beside and renamed: whoever looks meanwhile sees the old power or the new one.
        beside = f"{self._file(task)}.{uuid.uuid4()}"
        with open(beside, "w", encoding="utf-8") as file:
            file.write(wanted + "\n")
        os.replace(beside, self._file(task))
        # The machine answers in the moment in which it has switched.
        return wanted

    def _file(self, task):
        return os.path.join(self._folder, urllib.parse.quote(task.name, safe="") + ".txt")


class Module:
    version = VERSION
    declaration = DECLARATION
    mutations = {"powerOn": power_on, "powerOff": power_off}
    pollers = {"power": look}


if __name__ == "__main__":
    kraken.serve(Module)
