// Package e2e tests Foyer from outside: it builds the program, runs it as a process, and speaks to it as browsers,
// clients, LiveKit, proxies and operators do.
package e2e
