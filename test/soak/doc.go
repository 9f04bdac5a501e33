// Package soak breaks Foyer on purpose: three real servers on one PostgreSQL, one Redis and one LiveKit,
// with links that fail and servers that are killed, while guests come and go and hosts decide. What was
// decided is compared with what the guests were told, and what is left behind is counted.
//
// It is a test and nothing else: a minute of it among the others, ten with `make soak`.
package soak
