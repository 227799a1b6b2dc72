"""in-guest.py PORT COMMAND...: runs a command by the shell that listens there, and prints what it says."""

import shlex
import socket
import sys

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
connection.settimeout(60)
connection.sendall((shlex.join(sys.argv[2:]) + " 2>&1; exit\n").encode())
while data := connection.recv(65536):
    sys.stdout.buffer.write(data)
