"""Requests that no description would think of: malformed.py PORT

Random bytes, broken JSON, deep and huge values, wrong types, broken heads. Prints how often which status came; ends with 1 if
one was a 5xx. All goes to 127.0.0.1, 3,000 requests in all.
"""

import collections
import json
import random
import socket
import sys

port = int(sys.argv[1])
draw = random.Random(1)
seen = collections.Counter()


def send(head: bytes, body: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(head + body)
        except OSError:
            pass  # It may answer and close before it has read all.
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except OSError:
            pass
    words = answer.split(b" ", 2)
    seen[words[1].decode() if len(words) > 1 else "closed"] += 1


def post(path: str, body: bytes, kind: str = "application/json") -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    send(head.encode(), body)


def anything(depth: int = 0):
    names = ["user", "history", "n", "exclude_used", "allow", "deny", "explain", "events", "id", "item", "time", "domain",
             "context", "candidates"]
    kinds = 9 if depth < 5 else 6
    match draw.randrange(kinds):
        case 0: return None
        case 1: return draw.choice([True, False])
        case 2: return draw.choice([0, -1, 1 << 31, 1 << 63, -(1 << 63), 10**400, draw.randrange(4000)])
        case 3: return draw.choice([0.5, -1e308, 1e-320, 3.0])
        case 4: return "".join(chr(draw.choice([draw.randrange(32, 127), draw.randrange(0, 0xD800)])) for _ in range(draw.randrange(12)))
        case 5: return draw.choice(["", "\0", "1", "NaN", "../../etc/passwd", "'; DROP TABLE events; --", "x" * 5000])
        case 6: return [anything(depth + 1) for _ in range(draw.randrange(6))]
        case _: return {draw.choice(names): anything(depth + 1) for _ in range(draw.randrange(6))}


paths = ["/v1/recommend", "/v1/rank", "/v1/retrieve", "/v1/events"]
for index in range(1000):
    post(draw.choice(paths), json.dumps(anything()).encode())
for index in range(700):
    text = bytearray(json.dumps({"user": 1, "n": 3, "events": [{"id": 1, "user": 1, "item": 1}], "history": [1, 2]}).encode())
    for _ in range(draw.randrange(1, 6)):
        text[draw.randrange(len(text))] = draw.randrange(256)
    post(draw.choice(paths), bytes(text[: draw.randrange(1, len(text) + 1)]))
for index in range(600):
    post(draw.choice(paths), draw.randbytes(draw.randrange(500)), draw.choice(["application/json", "text/plain", ""]))
for index in range(500):
    head = draw.randbytes(draw.randrange(1, 300)) if index % 2 else b"GET /" + draw.randbytes(20) + b" HTTP/1.1\r\nhost: a"
    send(head + b"\r\n\r\n", b"")
for index in range(100):
    name = bytes(draw.randrange(33, 127) for _ in range(draw.randrange(1, 40)))
    send(b"GET /v1/users/" + name + b"/recommendations?n=%ff&" + name + b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", b"")
for deep in ["[" * 200_000, '{"a":' * 200_000, '{"history":' + "[" * 200_000]:
    for path in paths:
        post(path, deep.encode())
for path in paths:
    post(path, b'{"history":[' + b"1," * 900_000 + b"1]}")
    post(path, b'{"events":[' + b'{"id":1,"user":1,"item":1},' * 50_000 + b'{"id":1,"user":1,"item":1}]}')
    post(path, b"[" + b'{"user":1},' * 100_000 + b'{"user":1}]')
    post(path, b" " * (8 << 20))
print(sum(seen.values()), "requests:", dict(sorted(seen.items())))
sys.exit(any(status.startswith("5") for status in seen))
