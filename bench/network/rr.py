"""Request and response over sockets, one at a time: the same client and server for every peer.

    rr.py serve ADDRESS PORT
    rr.py crr|tcp|udp ADDRESS PORT SECONDS [WARM_UP_SECONDS]
                prints: COUNT_PER_SECOND P50_US P99_US COUNT WARM_UP_COUNT
"""

import selectors
import socket
import sys
import time

mode, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def serve():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(512)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((address, port))
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(datagrams, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            ready = key.fileobj
            if ready is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ)
            elif ready is datagrams:
                data, sender = datagrams.recvfrom(2048)
                datagrams.sendto(data, sender)
            else:
                try:
                    data = ready.recv(4096)
                except OSError:
                    data = b""
                if data:
                    ready.send(data)
                else:
                    selector.unregister(ready)
                    ready.close()


def exchanges():
    """Makes one exchange each time that it is asked for a next one, and gives the seconds that it took."""
    if mode == "crr":
        while True:
            start = time.perf_counter()
            connection = socket.create_connection((address, port), 5)
            connection.send(b"x")
            connection.recv(1)
            connection.close()
            yield time.perf_counter() - start
    connection = socket.socket(
        socket.AF_INET, socket.SOCK_STREAM if mode == "tcp" else socket.SOCK_DGRAM
    )
    connection.settimeout(2)
    connection.connect((address, port))
    if mode == "tcp":
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        start = time.perf_counter()
        connection.send(b"x")
        try:
            connection.recv(1)
        except socket.timeout:  # a datagram may be lost
            continue
        yield time.perf_counter() - start


def collect(made, seconds):
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        times.append(next(made))
    return times


def ask():
    seconds = float(sys.argv[4])
    made = exchanges()
    warm_up = collect(made, float(sys.argv[5]) if len(sys.argv) > 5 else 0)
    times = sorted(collect(made, seconds))
    count = len(times)
    print(
        count / seconds,
        times[count // 2] * 1e6,
        times[int(count * 0.99)] * 1e6,
        count,
        len(warm_up),
    )


serve() if mode == "serve" else ask()
