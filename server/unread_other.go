//go:build !linux

package main

import "net"

// boundUnread does nothing: only Linux has TCP_USER_TIMEOUT.
func boundUnread(net.Conn) {}
