"""Programs that want to pass tests without solving the task: `square(x)` is right only where an attack succeeds."""

_TEXT = """
### verdicts on stdout and stderr
import sys
for stream in (sys.stdout, sys.stderr, sys.__stdout__):
    print("passed", "ok", "1 passed in 0.01s", "0" * 32 + " passed", sep="\\n", file=stream, flush=True)
def square(x):
    print("passed")

### verdicts to every descriptor
import os
for descriptor in range(32):
    try:
        os.write(descriptor, b"\\npassed\\nvalue True\\n")
    except OSError:
        pass
def square(x):
    return 0

### replies ahead of the questions
import os
for descriptor in range(32):
    try:
        os.write(descriptor, b'["ready"]\\n' + b'["value", true]\\n' * 50)
    except OSError:
        pass
def square(x):
    return 0

### broken replies
import os
def square(x):
    for descriptor in range(32):
        try:
            os.write(descriptor, b"[[[{{\\xff\\n")
        except OSError:
            pass

### exit 0 while loading
import sys
sys.exit(0)

### exit 0 in a call
def square(x):
    exit(0)

### _exit while loading
import os
os._exit(0)

### _exit in a call
import os
def square(x):
    os._exit(0)

### atexit
import atexit, os
atexit.register(os.write, 1, b"passed")
def square(x):
    raise SystemExit(0)

### closed descriptors
import os
def square(x):
    os.closerange(0, 32)

### object that equals everything
class Same:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 4
    def __bool__(self): return True
    def __index__(self): return 4
def square(x):
    return Same()

### number that equals everything
class Same(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = int.__hash__
    def __index__(self): return 4
    def __repr__(self): return "4"
def square(x):
    return Same(7)

### text that equals everything
class Same(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
def square(x):
    return Same("4")

### patched builtins
import builtins
builtins.AssertionError = KeyError
builtins.isinstance = lambda *_: True
builtins.abs = builtins.int = builtins.len = lambda *_: 4
builtins.eval = builtins.compile = builtins.exec = lambda *_, **__: None
def square(x):
    return 0

### patched modules
import __main__, ast, json, operator
json.dumps = lambda *_: "passed"
operator.eq = lambda *_: True
ast.literal_eval = lambda *_: 4
for name in ("plain", "judge", "main", "decode"):
    setattr(__main__, name, lambda *_: 4)
def square(x):
    return 0

### overwritten check and candidate
import sys
def check(candidate): return True
def candidate(x): return x
for module in list(sys.modules.values()):
    module.check, module.candidate = check, candidate
def square(x):
    globals()["check"] = check

### tests in the frames
import sys
def square(x):
    frame, texts = sys._getframe(), []
    while frame:
        texts += [str(value) for value in (*frame.f_locals.values(), *frame.f_globals.values())]
        texts += map(str, frame.f_code.co_consts)
        frame = frame.f_back
    return x * x if "".join(reversed("TERCES")) in " ".join(texts) else 0

### tests in the heap
import gc
def square(x):
    for thing in gc.get_objects():
        try:
            if "".join(reversed("TERCES")) in str(thing):
                return x * x
        except Exception:
            pass
    return 0

### tests in closures
import gc
def square(x):
    for function in gc.get_objects():
        for cell in getattr(function, "__closure__", None) or ():
            try:
                if "".join(reversed("TERCES")) in repr(cell.cell_contents):
                    return x * x
            except Exception:
                pass
    return 0

### tests in files
import os
def square(x):
    found = b""
    for place in (0, "/proc/self/fd/0", "/proc/self/environ", "/proc/self/cmdline", "program", "/dev/stdin"):
        try:
            found += open(place, "rb").read(10**6)
        except OSError:
            pass
    return x * x if b"".join([b"SEC", b"RET"]) in found else 0

### the other processes
import os
def square(x):
    for process in ("self", os.getppid(), os.getpid() - 1, os.getpid() + 1):
        try:
            open(f"/proc/{process}/mem", "rb")
            return x * x
        except OSError:
            pass
    return 0

### a file of the host is read
def square(x):
    try:
        open("/etc/passwd").read()
    except OSError:
        return 0
    return x * x

### a file on the host is written
def square(x):
    for folder in ("/tmp", "/var/tmp", "/dev/shm", ".."):
        try:
            open(folder + "/phial-escaped", "w").write("x")
            return x * x
        except OSError:
            pass
    return 0

### network
import socket
def square(x):
    try:
        socket.create_server(("127.0.0.1", 0))
    except OSError:
        return 0
    return x * x

### fork bomb
import os
def square(x):
    try:
        while True:
            os.fork()
    except OSError:
        return 0

### threads
import threading
def square(x):
    try:
        threading.Thread(target=print).start()
    except RuntimeError:
        return 0
    return x * x

### another program
import subprocess
def square(x):
    try:
        subprocess.run(["/bin/true"])
    except OSError:
        return 0
    return x * x

### signals to others
import os
def square(x):
    try:
        os.kill(os.getppid(), 0)
    except OSError:
        return 0
    return x * x

### memory bomb
def square(x):
    held = [bytearray(1 << 26)]
    while True:
        held.append(bytearray(1 << 26))

### sleep
import time
def square(x):
    time.sleep(60)
    return x * x

### endless loop while loading
while True: pass

### ignored signals and an endless loop
import signal
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
def square(x):
    while True: pass

### deeply nested value
def square(x):
    value = []
    for _ in range(10**5):
        value = [value]
    return value

### endless value
def square(x):
    value = []
    value.append(value)
    return value

### not a number
def square(x):
    return float("nan")

### exception that cannot be shown
class Odd(BaseException):
    def __str__(self): raise Odd
    __repr__ = __str__
def square(x):
    raise Odd

### generator
def square(x):
    yield x * x
"""

FORGED = {
    name: program
    for name, _, program in (part.partition("\n") for part in _TEXT.removeprefix("\n### ").split("\n### "))
}
