//go:build !linux

package main

import "net"

// boundUnread does nothing: only Linux tells a connection whose other end does not read.
func boundUnread(net.Conn) {}
