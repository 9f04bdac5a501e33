// Package ent is what we store. Everything in it but this file, entc.go and schema/ is generated.
package ent

//go:generate go run entc.go
