"""A worker that was taken over: it answers each round with what its first argument says. See test_image_workers.py."""

import os
import socket
import struct
import sys

from radgate_server.adapters.imaging.worker.answers import READY

LIES = {
    "pickle": b"cos\nsystem\n(S'true'\ntR.",
    "elsewhere": b'there [[1,1,1,8,8,0,1,"MONOCHROME2",0],[]]\n' + struct.pack("<QQ", 2_000_000_000, 1000),
    "strange": b'refused ["SystemExit","text",{}]\n',
}


def main(lie: str, socket_fd: int) -> None:
    with socket.socket(fileno=socket_fd) as connection:
        connection.send(READY)
        while connection.recv(1 << 20):
            connection.send(LIES[lie])


if __name__ == "__main__":
    main(os.environ["TZ"], int(sys.argv[1]))
