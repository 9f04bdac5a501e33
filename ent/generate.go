// Package ent is what we store. Everything in it is generated but this file, look.go, record.go,
// entc.go and schema/.
package ent

//go:generate go run entc.go
