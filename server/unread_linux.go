package main

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// boundUnread has the kernel end a connection when its other end has not read for answerTimeout, while something waits
// for it: also answers so small that thousands of them fit into buffers, so that no write of ours ever blocks.
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
