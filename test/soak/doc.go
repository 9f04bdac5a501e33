// Package soak breaks Foyer on purpose: three real servers on one PostgreSQL, one Redis and one LiveKit, with links
// that fail and servers that are killed, while guests come and go and hosts decide. It compares the decisions with what
// the guests learned, and counts what is left behind. It is a test like others: one minute in `make test`, ten in `make
// soak`.
package soak
