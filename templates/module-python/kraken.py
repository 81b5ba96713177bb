"""The module protocol, version 1: JSON-RPC 2.0, one object a line, on stdin and stdout. Python's standard library is enough.

There is nothing of any hardware in here, and nothing to change: what the module does stands in module.py.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
import urllib.parse

PROTOCOL = 1
LINE_LIMIT = 4 * 1024 * 1024
# Nodes that one call works on at once.
AT_ONCE = 16
# What is still running may take so long, in seconds, when the host is gone; after 2 s it would be killed.
LAST_WORDS = 1.0

# Each with its code; Kraken's reference (schemas/PROTOCOL.md) says what it does about each.
CODES = {
    "InvalidRequest": -32600,
    "MethodNotFound": -32601,
    "InvalidParams": -32602,
    "InternalError": -32603,
    "NodeUnreachable": -32001,
    "DeviceBusy": -32002,
    "LoginRefused": -32003,
    "StepFailed": -32005,
    "Terminal": -32006,
    "TooLarge": -32016,
    "NotFound": -32018,
    "NotReady": -32019,
    "NoCommonVersion": -32020,
    "Cancelled": -32021,
    "DeadlineExceeded": -32022,
}


class Failure(Exception):
    """What a handler raises to say more than "it failed": Failure("NodeUnreachable", "the strip does not answer")."""

    def __init__(self, name, message, data=None):
        super().__init__(message)
        self.code = CODES[name]
        self.data = data


# ---- config -------------------------------------------------------------------------------------------------------------------


def is_number(value):
    # To Python, True is a number.
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TYPES = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: is_number(value) and float(value).is_integer(),
    "number": is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def misfit(schema, value):
    """What is wrong with a value, or None. It never says the value: that may be a secret."""
    if "type" in schema and not TYPES[schema["type"]](value):
        return "must be of the type " + schema["type"]
    if "enum" in schema and value not in schema["enum"]:
        return "must be one of " + ", ".join(map(str, schema["enum"]))
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        return f"must have at least {schema['minLength']} characters"
    if schema.get("format") == "uri" and not is_uri(value):
        return "must be a URI"
    if is_number(value) and value < schema.get("minimum", value):
        return f"must be at least {schema['minimum']}"
    return None


def is_uri(text):
    try:
        return urllib.parse.urlsplit(text).scheme != ""
    except ValueError:
        return False


def check_config(schemas, given, service):
    """The config with its defaults. Raises a Failure that names every key that is wrong."""
    known = ", ".join(schemas)
    problems = [f"/{key} is not known (known: {known})" for key in given if key not in schemas]
    config = {}
    for key, schema in schemas.items():
        if key in given or "default" in schema:
            config[key] = given.get(key, schema.get("default"))
            wrong = misfit(schema, config[key])
            if wrong is not None:
                problems.append(f"/{key} {wrong}")
        elif not schema.get("x-optional"):
            problems.append(f"/{key} is missing")
    if problems:
        what, where, why = "the config is refused", f"config of {service}", "; ".join(problems)
        raise Failure("InvalidParams", f"{where}: {what}: {why}", {"what": what, "where": where, "why": why, "todo": f"Correct it: {why}"})
    return config


# ---- one call for many nodes --------------------------------------------------------------------------------------------------


class Task:
    """What a handler is given: one node, and how long it may take."""

    def __init__(self, node, config, deadline, log):
        self.node = node
        self.config = config
        self.log = log
        self._deadline = deadline
        # Set when the task is cancelled or late, or the module is stopped: given_up.wait(0.1) is a sleep that ends then.
        self.given_up = threading.Event()

    @property
    def name(self):
        """What people call the node."""
        return self.node["cfg"].get("/nodename", self.node["id"])

    def left(self):
        """Seconds until the deadline: the timeout for whatever waits."""
        return max(0.0, self._deadline - time.monotonic())


class Call:
    """It ends when every node is settled: by its handler, a cancellation or the deadline."""

    def __init__(self, tasks, handler, deadline):
        self._handler = handler
        self._deadline = deadline
        self._waiting = queue.SimpleQueue()
        self._open = {task.node["id"]: task for task in tasks}
        self._changed = threading.Condition()
        self._cancelled = None
        self.observed = []
        self.failed = []
        for task in self._open.values():
            self._waiting.put(task)

    def run(self, expired):
        """Returns when all is settled. Raises where the call as a whole was cancelled."""
        if self._deadline > time.monotonic():
            for _ in range(min(AT_ONCE, len(self._open))):
                threading.Thread(target=self._work, daemon=True).start()
        with self._changed:
            while self._open and self._cancelled is None and self._deadline > time.monotonic():
                self._changed.wait(self._deadline - time.monotonic())
        for node in list(self._open):
            self.settle(node, error=self._cancelled or Failure("DeadlineExceeded", expired))
        if self._cancelled is not None:
            raise self._cancelled

    def cancel(self, nodes, reason):
        """These nodes, or all of them."""
        failure = Failure("Cancelled", reason)
        if isinstance(nodes, list):
            for node in nodes:
                self.settle(node, error=failure)
            return
        with self._changed:
            self._cancelled = failure
            self._changed.notify_all()

    def settle(self, node, values=None, error=None):
        """The first word about a node counts; what comes after it is dropped."""
        with self._changed:
            task = self._open.pop(node, None)
            if task is None:
                return
            if error is None:
                self.observed.append({"node": node, "values": values, "asOf": task.node["revision"]})
            else:
                self.failed.append((node, error))
            self._changed.notify_all()
        task.given_up.set()

    def _work(self):
        while True:
            try:
                task = self._waiting.get_nowait()
            except queue.Empty:
                return
            if task.given_up.is_set():
                continue
            try:
                self.settle(task.node["id"], values=self._handler(task) or {})
            except Exception as error:
                self.settle(task.node["id"], error=error)


# ---- what is said with the host -----------------------------------------------------------------------------------------------


class Session:
    """The conversation, whatever carries its lines: a test carries them by itself.

    module: version, declaration, mutations and pollers (handlers by name). send(bytes) takes a whole line, log(text) is for a person,
    end() is called when the host says exit.
    """

    def __init__(self, module, send, log, end):
        self._module = module
        self._write = send
        self._tell = log
        self._end = end
        self._state = "new"
        self._service = ""
        self._config = {}
        self._secrets = []
        # The host's clock less our own, which never jumps.
        self._clock = time.time() - time.monotonic()
        self._calls = {}
        self._lock = threading.Lock()

    def receive(self, line):
        """One line, as bytes."""
        try:
            message = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            self._tell("the host sent a line that is not JSON in UTF-8")
            return
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            return
        params = message.get("params", {})
        if "id" in message:
            self._request(message["id"], message["method"], params)
        elif isinstance(params, dict):
            self._notified(message["method"], params)

    def stop(self, grace):
        """Gives up what runs, and waits for its answers: at most so many seconds."""
        self._state = "stopping"
        with self._lock:
            calls = list(self._calls.values())
        for call, _ in calls:
            call.cancel(None, "the module is stopping")
        until = time.monotonic() + grace * 0.6
        for _, thread in calls:
            thread.join(max(0.0, until - time.monotonic()))

    def log(self, level, message):
        """For the log of this service: debug, info, warn or error. Secrets are taken out of it."""
        self._send({"method": "$/log", "params": {"level": level, "message": self._clean(str(message))[:16384]}})

    def _notified(self, method, params):
        # Unknown notifications are dropped.
        if method == "initialized" and self._state == "declared":
            self._state = "ready"
        elif method == "$/cancel":
            with self._lock:
                call, _ = self._calls.get(params.get("id"), (None, None))
            if call is not None:
                call.cancel(params.get("nodes"), str(params.get("reason", "cancelled")))
        elif method == "exit":
            self._end()

    def _request(self, request, method, params):
        try:
            if not isinstance(params, dict):
                raise Failure("InvalidParams", f"{method}: the params are not an object")
            if method == "initialize":
                self._answer(request, self._initialize(params))
            elif method == "ping":
                self._answer(request, {})
            elif method == "config/update":
                self._answer(request, self._update(params))
            elif method == "mutation/run":
                self._start(request, "mutation", self._module.mutations, params)
            elif method == "poller/run":
                self._start(request, "poller", self._module.pollers, params)
            elif method == "shutdown":
                # Beside, so that a ping or a second shutdown is still answered.
                grace = params["grace"] / 1000 if is_number(params.get("grace")) else LAST_WORDS
                threading.Thread(target=self._shutdown, args=(request, grace), daemon=True).start()
            else:
                raise Failure("MethodNotFound", f"{method} is not answered by this module")
        except Exception as error:
            self._refuse(request, error)

    def _initialize(self, params):
        if self._state != "new":
            raise Failure("InvalidRequest", "initialize was sent before")
        protocols, service, config = params.get("protocols"), params.get("service"), params.get("config")
        if not isinstance(protocols, list) or not isinstance(service, str) or not isinstance(config, dict):
            raise Failure("InvalidParams", "initialize: protocols, service or config is missing")
        if PROTOCOL not in protocols:
            offered = ", ".join(map(str, protocols))
            text = f"the host offers protocol {offered}, this module speaks {PROTOCOL}: upgrade the older of the two"
            raise Failure("NoCommonVersion", text, {"offered": protocols, "supported": [PROTOCOL]})
        self._service = service
        self._take_config(config)
        # Two clocks of one machine differ by less than a minute; what more there is was this process starting.
        now = params["now"] / 1000 if is_number(params.get("now")) else time.time()
        self._clock = (now if abs(now - time.time()) > 60 else time.time()) - time.monotonic()
        self._state = "declared"
        declaration = self._module.declaration
        capabilities = ["config"] + [kind for kind in ("mutations", "pollers") if kind in declaration]
        name = {"name": params.get("module", service), "version": self._module.version}
        return {"protocol": PROTOCOL, "module": name, "capabilities": capabilities, "declaration": declaration}

    def _update(self, params):
        """Refused, the old config stays."""
        if self._state == "new":
            raise Failure("NotReady", "config/update before initialize")
        if not isinstance(params.get("config"), dict):
            raise Failure("InvalidParams", "config/update: the config is not an object")
        self._take_config(params["config"])
        return {}

    def _take_config(self, given):
        # Secrets are known before the config is checked: a refusal must not tell them either. An old secret stays one.
        schemas = self._module.declaration.get("config", {})
        secrets = [given.get(key) for key, schema in schemas.items() if schema.get("x-secret")]
        self._secrets += [one for one in secrets if isinstance(one, str) and one != "" and one not in self._secrets]
        self._config = check_config(schemas, given, self._service)

    def _start(self, request, kind, handlers, params):
        name, deadline, nodes = params.get(kind), params.get("deadline"), params.get("nodes")
        if not isinstance(name, str) or not is_number(deadline) or not isinstance(nodes, list) or not all(map(is_node, nodes)):
            raise Failure("InvalidParams", f"{kind}/run: {kind}, deadline or nodes is missing or not what it must be")
        if self._state != "ready":
            raise Failure("NotReady", "the module is not initialized, or is stopping")
        if name not in handlers:
            raise Failure("NotFound", f"this module has no {kind} {name}")
        until = deadline / 1000 - self._clock
        call = Call([Task(node, self._config, until, self.log) for node in nodes], handlers[name], until)
        thread = threading.Thread(target=self._run, args=(request, call, f"{kind} {name}: its deadline has passed"), daemon=True)
        with self._lock:
            self._calls[request] = (call, thread)
            thread.start()

    def _run(self, request, call, expired):
        try:
            call.run(expired)
            failed = [{"node": node, "error": self._error(error, "StepFailed", with_data=False)} for node, error in call.failed]
            self._answer(request, {"observed": call.observed, "failed": failed})
        except Exception as error:
            self._refuse(request, error)
        finally:
            with self._lock:
                self._calls.pop(request, None)

    def _shutdown(self, request, grace):
        self.stop(grace)
        self._answer(request, {})

    def _answer(self, request, result):
        self._send({"id": request, "result": result})

    def _refuse(self, request, error):
        self._send({"id": request, "error": self._error(error, "InternalError")})

    def _error(self, error, otherwise, with_data=True):
        if not isinstance(error, Failure):
            self._tell(self._clean("".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip()))
        message = self._clean(str(error) or type(error).__name__)[:1000]
        told = {"code": getattr(error, "code", CODES[otherwise]), "message": message}
        if with_data and getattr(error, "data", None) is not None:
            told["data"] = error.data
        return told

    def _send(self, message):
        # ASCII, whatever the locale is: JSON writes the rest as \u escapes.
        line = json.dumps({"jsonrpc": "2.0", **message}, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
        if len(line) > LINE_LIMIT and "id" in message:
            error = {"code": CODES["TooLarge"], "message": "the answer is larger than a line of the protocol"}
            self._send({"id": message["id"], "error": error})
        elif len(line) <= LINE_LIMIT:
            self._write(line)

    def _clean(self, text):
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def is_node(node):
    return (
        isinstance(node, dict)
        and isinstance(node.get("id"), str)
        and isinstance(node.get("cfg"), dict)
        and isinstance(node.get("dsc"), dict)
        and is_number(node.get("revision"))
    )


# ---- the process --------------------------------------------------------------------------------------------------------------


def read_lines(stream, on_line, on_fault):
    """Until the stream ends. A line that is too long is left out."""
    is_skipping = False
    while True:
        piece = stream.readline(LINE_LIMIT + 1)
        if piece == b"":
            return
        is_whole = piece.endswith(b"\n")
        if not is_whole and len(piece) > LINE_LIMIT and not is_skipping:
            on_fault(f"the host sent a line over {LINE_LIMIT} bytes")
        if is_whole and not is_skipping and piece.strip():
            on_line(piece)
        is_skipping = not is_whole


def explain():
    sys.stderr.write(
        "This is a Kraken module: the kraken host starts it, and speaks with it on stdin and stdout.\n"
        "Nothing happens when it is run by hand. See what it does with: kraken plugin check .\n"
    )
    return 64


def serve(module):
    """Serves the module on stdin and stdout until the host says so or is gone. Does not return."""
    if sys.stdin.isatty():
        sys.exit(explain())
    # stdout belongs to the protocol: whatever else is printed, by a child of ours too, goes to stderr.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    writing = threading.Lock()

    def send(line):
        try:
            with writing:
                out.write(line)
                out.flush()
        except (OSError, ValueError):
            os._exit(0)

    def tell(text):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def leave(*_):
        raise SystemExit

    session = Session(module, send, tell, leave)
    signal.signal(signal.SIGTERM, leave)
    # Ctrl-C reaches everything in the host's terminal; what happens then is the host's to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        read_lines(sys.stdin.buffer, session.receive, tell)
    except (SystemExit, OSError):
        pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    session.stop(LAST_WORDS)
    # Threads that do not end do not keep the process.
    os._exit(0)
