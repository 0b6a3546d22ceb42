"""The two programs of one graded run: tests on one side, the candidate on the other, and plain data between them.

It stands alone: the text of this file is what both sandboxes run, followed by a call of `judge` or `answer`. The
candidate's side is sent the arguments of one call at a time and sends back its value as JSON of plain data; expected
values and verdicts exist only on the side where the candidate never runs. So whatever the candidate does to its own
process (patched builtins, objects that equal everything, forged output, early exit), all it can say is a value.
"""

import contextlib
import json
import os
import select
import sys

CHUNK = 1 << 16
LONGEST_REPLY = 64 << 20  # bytes of one value
SHOWN = 200  # characters of a value in a verdict


def encode(value):
    """Plain data as what JSON can hold, whatever subclass it came as; TypeError for anything else."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list):
        return [encode(item) for item in list.__iter__(value)]
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in tuple.__iter__(value)]}
    if isinstance(value, (set, frozenset, type({}.keys()), type({}.items()))):
        return {"set": [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in dict.items(value)]}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).decode("latin-1")}
    if type(value).__module__ == "numpy" and not getattr(value, "shape", True):  # a number of NumPy's
        return encode(value.item())
    raise TypeError("a " + type(value).__name__ + " is not plain data")


def decode(value):
    """What `encode` was given; ValueError where it never was."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise ValueError("no encoded value")
    ((kind, content),) = value.items()
    if kind == "tuple":
        return tuple([decode(item) for item in content])
    if kind == "set":
        return {decode(item) for item in content}
    if kind == "dict":
        return {decode(key): decode(item) for key, item in content}
    if kind == "complex":
        return complex(*content)
    if kind == "bytes":
        return content.encode("latin-1")
    raise ValueError("no encoded value")


def send(descriptor, message):
    """Write one line of JSON."""
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


class Lines:
    """The lines that arrive at a descriptor."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.waiting = bytearray()

    def next(self, seconds=None):
        """The next line without its end; None where no more come, TimeoutError after `seconds`."""
        searched = 0
        while True:
            end = self.waiting.find(b"\n", searched)
            if end >= 0:
                line = bytes(self.waiting[:end])
                del self.waiting[: end + 1]
                return line
            searched = len(self.waiting)
            if searched > LONGEST_REPLY:
                return None
            if seconds is not None and not select.select([self.descriptor], [], [], seconds)[0]:
                raise TimeoutError
            chunk = os.read(self.descriptor, CHUNK)
            if not chunk:
                return None
            self.waiting += chunk


def answer(channel, program, functions):
    """The candidate's side: load a program and answer calls of its functions until there are no more."""
    sys.set_int_max_str_digits(0)
    reads, writes = channel
    requests = Lines(reads)
    module = type(sys)("solution")
    sys.modules["solution"] = module
    module.__dict__.update(exit=sys.exit, quit=sys.exit)  # which the interpreter lacks without its site module
    known = {}
    reply = ["ready"]
    try:
        exec(compile(program, "<solution>", "exec"), module.__dict__)
    except BaseException as error:
        reply = fault(error)
    while True:
        send(writes, reply)
        line = requests.next()
        if line is None:
            os._exit(0)
        name, positional, named = json.loads(line)
        try:
            if name not in known:
                known[name] = eval(functions[name], module.__dict__)
            arguments = [decode(item) for item in positional]
            reply = ["value", encode(known[name](*arguments, **{key: decode(item) for key, item in named}))]
        except BaseException as error:
            reply = fault(error)


def fault(error):
    """What an exception says, in a reply."""
    try:
        return ["error", type(error).__name__, str(error)[:SHOWN]]
    except BaseException:
        return ["error", "Exception", "an exception that cannot be shown"]


class Ended(BaseException):
    """There is no use in asking the candidate for more; not an Exception, so that tests do not swallow it."""


def judge(channel, token, context, tests, functions, seconds):
    """The side of the tests: run them, where the candidate's functions are calls over the channel.

    Prints `token`, "passed" or "failed", and the reason.
    """
    sys.set_int_max_str_digits(100_000)
    sys.modules["numpy"] = numpy_stand_in()
    reads, writes = channel
    replies = Lines(reads)
    last = [""]

    def receive():
        try:
            line = replies.next(seconds)
        except TimeoutError:
            raise Ended(f"no answer within {seconds:g} s{last[0]}") from None
        if line is None:
            raise Ended(f"the program ended{last[0]}")
        try:
            kind, *content = json.loads(line)
            if kind == "value":
                return decode(content[0])
            if kind == "ready":
                return None
            name, text = map(str, content)
        except (ValueError, TypeError, RecursionError, IndexError):
            raise Ended(f"a value that cannot be read{last[0]}") from None
        error = getattr(__builtins__, name, None) if not isinstance(__builtins__, dict) else __builtins__.get(name)
        raisable = isinstance(error, type) and issubclass(error, Exception)
        raise (error(text) if raisable else RuntimeError(f"{name}: {text}"))

    def function(name):
        def call(*arguments, **named):
            shown = ", ".join(map(repr, arguments))
            last[0] = f" in {name}({shown[:SHOWN]})"
            request = [name, [encode(item) for item in arguments], [[key, encode(item)] for key, item in named.items()]]
            try:
                send(writes, request)
            except BrokenPipeError:
                raise Ended(f"the program ended{last[0]}") from None
            value = receive()
            last[0] += f" = {repr(value)[:SHOWN]}"
            return value

        return call

    verdict = ["passed", ""]
    try:
        try:
            receive()
        except Exception as error:
            raise Ended(f"the program fails to load: {type(error).__name__}: {error}") from None
        namespace = {"__name__": "tests"}
        exec(compile(context, "<context>", "exec"), namespace)
        namespace.update({name: function(name) for name in functions})
        exec(compile(tests, "<tests>", "exec"), namespace)
    except Ended as end:
        verdict = ["failed", str(end)]
    except AssertionError as error:
        verdict = ["failed", f"wrong{last[0]}{': ' if str(error) else ''}{str(error)[:SHOWN]}"]
    except Exception as error:
        verdict = ["failed", f"{type(error).__name__}: {str(error)[:SHOWN]}{last[0]}"]
    with contextlib.suppress(OSError):
        os.write(1, f"\n{token} {' '.join(verdict)}".encode("utf-8", "replace") + b"\n")


def numpy_stand_in():
    """What published tests use of NumPy, which their side has not: `allclose` and names that no value is of."""
    module = type(sys)("numpy")

    def allclose(left, right, rtol=1e-05, atol=1e-08):
        if isinstance(right, (list, tuple)):
            if not isinstance(left, (list, tuple)) or len(left) != len(right):
                raise ValueError("operands could not be broadcast together")
            return all(allclose(one, other, rtol, atol) for one, other in zip(left, right, strict=True))
        for value in (left, right):
            if not isinstance(value, (int, float, complex)):
                raise TypeError("no number")
        return left == right or abs(left - right) <= atol + rtol * abs(right) < float("inf")

    def assert_allclose(left, right, rtol=1e-07, atol=0):
        assert allclose(left, right, rtol, atol)

    module.allclose = allclose
    module.testing = type(sys)("numpy.testing")
    module.testing.assert_allclose = assert_allclose
    module.ndarray = type("ndarray", (), {})
    module.float32 = module.float64 = None
    return module
