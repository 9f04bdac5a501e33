//go:build !linux

package transport

func newPoller() poller { return goroutines{} }
