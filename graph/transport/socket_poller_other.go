//go:build !linux

package transport

func newRester() rester { return goroutines{} }
