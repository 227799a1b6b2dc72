"""Request and response over sockets, one at a time: the same client and server for every peer.

    rr.py serve ADDRESS PORT
    rr.py crr|tcp|udp ADDRESS PORT SECONDS      prints: COUNT_PER_SECOND P50_US P99_US
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


def ask():
    seconds = float(sys.argv[4])
    times = []
    end = time.perf_counter() + seconds
    if mode == "crr":
        while (start := time.perf_counter()) < end:
            connection = socket.create_connection((address, port), 5)
            connection.send(b"x")
            connection.recv(1)
            connection.close()
            times.append(time.perf_counter() - start)
    else:
        connection = socket.socket(
            socket.AF_INET, socket.SOCK_STREAM if mode == "tcp" else socket.SOCK_DGRAM
        )
        connection.settimeout(2)
        connection.connect((address, port))
        if mode == "tcp":
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (start := time.perf_counter()) < end:
            connection.send(b"x")
            try:
                connection.recv(1)
            except socket.timeout:  # a datagram may be lost
                continue
            times.append(time.perf_counter() - start)
    times.sort()
    count = len(times)
    print(count / seconds, times[count // 2] * 1e6, times[int(count * 0.99)] * 1e6)


serve() if mode == "serve" else ask()
