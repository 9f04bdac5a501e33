package main

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// boundUnread lets the kernel end a connection whose client does not read for answerTimeout while data waits for it. A
// write deadline cannot do that: thousands of small answers fit into buffers, so that no write blocks.
func boundUnread(conn net.Conn) {
	tcp, is := conn.(syscall.Conn)
	if !is {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(answerTimeout.Milliseconds()))
		})
	}
}
