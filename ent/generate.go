// Package ent is the database. It is generated, except schema/, database/, this file, configuration.go, entc.go,
// insert.go and standing.go.
package ent

//go:generate go run entc.go
